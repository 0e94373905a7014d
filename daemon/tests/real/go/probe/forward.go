package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
)

// Forward accepts plain connections and carries each over a TLS connection of its own to the target. The
// subject of the certificate it was shown last goes to standard output, a line for each connection.
func forward(listen, target, authority, mode string) error {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", authority)
	}
	config := &tls.Config{RootCAs: pool, ServerName: "service.seccinch.test", MinVersion: tls.VersionTLS12}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := carry(client, target, config, mode); err != nil {
				fmt.Fprintln(os.Stderr, "probe:", err)
			}
		}()
	}
}

// Carry closes the client's connection when the service's side fails or ends, so the client sees both.
func carry(client net.Conn, target string, config *tls.Config, mode string) error {
	defer client.Close()
	raw, err := net.Dial("tcp", target)
	if err != nil {
		return err
	}
	defer raw.Close()
	if mode == "nats" {
		if err := passLine(client, raw); err != nil {
			return err
		}
	}
	server := tls.Client(raw, config)
	if err := server.Handshake(); err != nil {
		return err
	}
	fmt.Println(server.ConnectionState().PeerCertificates[0].Subject.CommonName)
	go func() {
		io.Copy(server, client)
		server.CloseWrite()
	}()
	_, err = io.Copy(client, server)
	return err
}

// PassLine hands on the first line, which a NATS server says in the clear before it turns to TLS.
func passLine(client io.Writer, server io.Reader) error {
	for one := make([]byte, 1); ; {
		if _, err := server.Read(one); err != nil {
			return err
		}
		if _, err := client.Write(one); err != nil {
			return err
		}
		if one[0] == '\n' {
			return nil
		}
	}
}
