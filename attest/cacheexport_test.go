package attest

// Renewed is what a verifier does that has found collateral unusable.
var Renewed = renewed

// SourceOf is where a verifier gets collateral from.
var SourceOf = (*Verifier).source
