// timestamp-server is Sigstore's timestamp authority as its own `serve` sets it up, but without
// the listener for metrics: its port is fixed, so that no two of them could run on one machine,
// and the program ends if anything else has that port.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/spf13/viper"

	// Its flags are where the authority reads its settings from.
	_ "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server/app"
	"github.com/sigstore/timestamp-authority/v2/pkg/server"
)

func main() {
	host := flag.String("host", "127.0.0.1", "the address to listen on")
	port := flag.Int("port", 0, "the port to listen on")
	chain := flag.Bool("include-chain-in-response", false, "give the issuing chain with a timestamp")
	flag.Parse()

	// A key and certificates of its own, gone when it ends.
	viper.Set("timestamp-signer", "memory")
	viper.Set("include-chain-in-response", *chain)
	authority := server.NewRestAPIServer(*host, *port, []string{"http"}, false, 10*time.Second, 10*time.Second)
	log.Fatal(authority.Serve())
}
