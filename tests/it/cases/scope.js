return {
  vo, reqParams, companyId, applicationId, userInfo,
  own: Object.keys(vo), plain: Object.getPrototypeOf(vo) === Object.prototype,
  strict: this === undefined,
  types: [typeof require, typeof module, typeof process, typeof utils, typeof sendWhatsappMessage, typeof echo],
};
