package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"time"
)

type answer func(r *http.Request) (string, error)

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	for path, route := range map[string]answer{
		"/hello":   hello,
		"/config":  func(*http.Request) (string, error) { return s.config.Load().(string), nil },
		"/lookup":  lookup,
		"/fetch":   fetch,
		"/tool":    func(r *http.Request) (string, error) { return pipe(r, "/bin/cat") },
		"/self":    func(r *http.Request) (string, error) { return pipe(r, "/proc/self/exe", "child") },
		"/store":   s.store,
		"/memory":  memory,
		"/threads": threads,
		"/map":     s.mapFile,
		"/user":    currentUser,
		"/links":   links,
		"/profile": profile,
	} {
		mux.HandleFunc(path, reply(route))
	}
	mux.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(s.dir))))
	mux.HandleFunc("/stream", stream)
	return mux
}

func reply(route answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := route(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, text)
	}
}

func number(r *http.Request, name string) int {
	value, _ := strconv.Atoi(r.URL.Query().Get(name))
	return value
}

func hello(r *http.Request) (string, error) {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(r.URL.Query().Get("seed")))), nil
}

func lookup(r *http.Request) (string, error) {
	addresses, err := net.DefaultResolver.LookupHost(r.Context(), r.URL.Query().Get("name"))
	sort.Strings(addresses)
	return strings.Join(addresses, ","), err
}

func fetch(r *http.Request) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(r.URL.Query().Get("url"))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// Pipe sends the text through a child.
func pipe(r *http.Request, name string, args ...string) (string, error) {
	command := exec.CommandContext(r.Context(), name, args...)
	command.Stdin = strings.NewReader(r.URL.Query().Get("text"))
	command.Stderr = os.Stderr
	output, err := command.Output()
	return string(output), err
}

// Store writes a file the careful way: beside, synced, renamed, its folder synced; and reads it back.
func (s *service) store(r *http.Request) (string, error) {
	path := filepath.Join(s.dir, "stored-"+filepath.Base(r.URL.Query().Get("name")))
	beside, err := os.CreateTemp(s.dir, "store-*")
	if err != nil {
		return "", err
	}
	defer beside.Close()
	if _, err := io.Copy(beside, r.Body); err != nil {
		return "", err
	}
	if err := beside.Sync(); err != nil {
		return "", err
	}
	if err := os.Rename(beside.Name(), path); err != nil {
		return "", err
	}
	folder, err := os.Open(s.dir)
	if err != nil {
		return "", err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return string(text), os.Remove(path)
}

func currentUser(*http.Request) (string, error) {
	current, err := user.Current()
	if err != nil {
		return "", err
	}
	return current.Username, nil
}

// Links names the network interfaces, which Go asks the kernel by netlink.
func links(*http.Request) (string, error) {
	interfaces, err := net.Interfaces()
	var names []string
	for _, link := range interfaces {
		names = append(names, link.Name)
	}
	return strings.Join(names, ","), err
}

// Profile takes a CPU profile of itself while it works, and says how long the profile became.
func profile(r *http.Request) (string, error) {
	var written strings.Builder
	if err := pprof.StartCPUProfile(&written); err != nil {
		return "", err
	}
	until := time.Now().Add(time.Duration(number(r, "ms")) * time.Millisecond)
	for sum := [32]byte{}; time.Now().Before(until); {
		sum = sha256.Sum256(sum[:])
	}
	pprof.StopCPUProfile()
	return strconv.Itoa(written.Len()), nil
}

// Stream sends numbered lines, each flushed by itself.
func stream(w http.ResponseWriter, r *http.Request) {
	for i := 0; i < number(r, "lines"); i++ {
		fmt.Fprintf(w, "line %d\n", i)
		w.(http.Flusher).Flush()
	}
}
