// More braces than it opened.
})
