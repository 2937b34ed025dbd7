#!/usr/bin/env node
'use strict';
return later() + typeof notYet;
function later() { return helper(2); }
function helper(x) { return x * constant(); }
function constant() { return 21; }
var notYet = 1;
