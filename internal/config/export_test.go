package config

// ParseFile is for fuzzing.
var ParseFile = parseFile
