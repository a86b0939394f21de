// Merged into the builder's own configuration.
module.exports = {
  // The charts are one large chunk on purpose: it is loaded when a chart is first shown.
  performance: { hints: false },
  // A page may name the address of its charts; here they are a chunk, and the address is unused.
  module: { parser: { javascript: { exprContextCritical: false, url: false } } }
};
