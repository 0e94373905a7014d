// Websvc is a service with a bit of everything that Go services do: HTTP with and without TLS, a UDP and a
// Unix socket, names, children, files, signals, threads and profiles.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type service struct {
	dir    string
	config atomic.Value
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "child" {
		child()
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: websvc DIR")
		os.Exit(2)
	}
	if err := run(&service{dir: os.Args[1]}); err != nil {
		fmt.Fprintln(os.Stderr, "websvc:", err)
		os.Exit(1)
	}
}

// Child is what the service is when it starts itself: it turns its input into capitals.
func child() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	fmt.Print(strings.ToUpper(string(text)))
}

func run(s *service) error {
	if err := s.reload(); err != nil {
		return err
	}
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 8)
	if err := s.listen(server, failed); err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	for {
		select {
		case err := <-failed:
			return err
		case received := <-signals:
			if received == syscall.SIGTERM {
				return s.stop(server)
			}
			if err := s.reload(); err != nil {
				return err
			}
		}
	}
}

func (s *service) listen(server *http.Server, failed chan<- error) error {
	plain, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		return err
	}
	secure, err := net.Listen("tcp", "127.0.0.1:8443")
	if err != nil {
		return err
	}
	socket := filepath.Join(s.dir, "web.sock")
	os.Remove(socket)
	local, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:8053")
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem"))
	if err != nil {
		return err
	}
	secure = tls.NewListener(secure, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	for _, listener := range []net.Listener{plain, secure, local} {
		go func(listener net.Listener) {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}(listener)
	}
	go echo(datagrams)
	return nil
}

// Echo answers each datagram with its own text, backwards.
func echo(socket net.PacketConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		answer := make([]byte, n)
		for i := range answer {
			answer[i] = buffer[n-1-i]
		}
		socket.WriteTo(answer, from)
	}
}

func (s *service) reload() error {
	text, err := os.ReadFile(filepath.Join(s.dir, "config"))
	if err != nil {
		return err
	}
	s.config.Store(strings.TrimSpace(string(text)))
	return nil
}

// Stop lets open requests end, and leaves a file that says it got so far.
func (s *service) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "stopped"), []byte("stopped\n"), 0o644)
}
