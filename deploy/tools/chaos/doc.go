// Command chaos breaks hookproof on purpose, in the manner of Jepsen, and checks that it kept its promises.
package main
