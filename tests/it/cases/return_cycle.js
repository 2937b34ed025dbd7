const cycle = {};
cycle.self = cycle;
return cycle;
