// Command notation-signer signs and verifies images with the Notary Project's
// own Go libraries, so that sealgate is compared with the real thing. The
// notation command line is not published as a Go module; this is the part of
// it that tests need.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
)

const usage = `usage: notation-signer sign --key KEY.pem --cert-chain CHAIN.pem [flags] IMAGE
       notation-signer verify --policy trustpolicy.json --trust-store DIR [flags] IMAGE
       notation-signer verify-envelope --policy trustpolicy.json --trust-store DIR \
           --envelope FILE --artifact DESCRIPTOR.json [--repeat N] IMAGE

Each prints one JSON object. Exit code: 0 signed or verified, 1 not verified, 2 anything else.
"notation-signer COMMAND --help" lists the flags.
`

// errNotVerified tells a refused signature, already reported as JSON, from a
// failure to reach a result.
var errNotVerified = errors.New("not verified")

var commands = map[string]func(context.Context, []string) error{
	"sign":            sign,
	"verify":          verify,
	"verify-envelope": verifyEnvelope,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	err := commands[os.Args[1]](context.Background(), os.Args[2:])
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errNotVerified):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

// parseImage parses the flags and the single image reference after them.
func parseImage(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() != 1 {
		return "", fmt.Errorf("%s: expected one image reference after the flags, got %d", flags.Name(), flags.NArg())
	}
	return flags.Arg(0), nil
}

func printJSON(value any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func readJSON(path string, value any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
