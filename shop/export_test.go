package shop

// InlineGrace is what tests hold the time of guarded calls against.
const InlineGrace = inlineGrace
