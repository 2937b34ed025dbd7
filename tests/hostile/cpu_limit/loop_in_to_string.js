// Inside a template.
return `${{
  toString() {
    for (;;) {}
  },
}}`;
