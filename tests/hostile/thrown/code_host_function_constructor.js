// Through a host function.
return utils.log.constructor('return globalThis')();
