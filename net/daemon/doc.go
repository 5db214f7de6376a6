// Package daemon serves the repositories below one folder to peers, from one process.
//
// A repository's name is the path of its folder below the root, with slashes. Repositories
// are opened when somebody asks for them, and closed again when others are asked for. They
// stay what they are, folders that every command may use at the same time.
//
// What the package refuses to do: it serves nothing outside of its root, however a name is
// spelled and wherever a symbolic link leads; it is reached from other machines only if it
// was told to be; it decides nothing about rights (an Access does); and it moves no objects
// itself (net/transfer does) and knows no network (net/peer does).
package daemon
