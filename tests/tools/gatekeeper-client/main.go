// Command gatekeeper-client reviews objects as the Gatekeeper manager does, without an API server:
// with Gatekeeper's own constraint client, Rego driver, external data caches and TLS client.
//
// It reads commands from standard input, one JSON object a line, and answers each with one line:
//
//	{"apply": OBJECT}    a ConstraintTemplate, a constraint or a Provider         → {}
//	{"delete": OBJECT}   a Provider                                               → {}
//	{"review": [OBJECT…], "point": "webhook"|"audit", "atOnce": BOOL}             → {"reviews": […]}
//
// Anything that goes wrong is {"error": "…"}. It ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// maxLine bounds a command: an audit's objects come in one.
const maxLine = 64 << 20

func main() {
	// The names are those of Gatekeeper's own flags.
	certificates := flag.String("cert-dir", "", "folder of tls.crt and tls.key, shown to providers")
	ttl := flag.Duration("external-data-provider-response-cache-ttl", 3*time.Minute, "0 disables the cache")
	flag.Parse()
	if err := run(context.Background(), *certificates, *ttl); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, certificates string, ttl time.Duration) error {
	gatekeeper, err := start(ctx, certificates, ttl)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxLine)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		answer, err := gatekeeper.obey(ctx, lines.Bytes())
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
