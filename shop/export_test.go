package shop

// InlineGrace is inlineGrace, for tests of the time that guarded calls take.
const InlineGrace = inlineGrace
