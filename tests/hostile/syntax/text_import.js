// A module's syntax.
import fs from 'fs';
