// Package gateway is the door over HTTP: JSON for every verb that reads, objects by their hash, and
// pages for people. API.md documents the JSON.
//
// It reads. The one thing that it takes in, if it is told to, is batches that their authors have
// signed; it holds no key, signs nothing and decides nothing about who may do what: it asks Access. A
// repository that the asker may not read is answered like one that does not exist. What
// is pending, the operation log and what is known of remotes never leave through it.
//
// Every name and value that it shows is taken to be hostile. Pages run no script but the
// gateway's own, and work without it. Answers, requests, and how many there are at a time are
// bounded.
package gateway
