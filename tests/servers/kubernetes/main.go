// Command kubernetes is the control plane of the tests in one binary: an embedded etcd, kube-apiserver,
// kube-controller-manager and kubectl. The first argument, or the name it is called by, chooses which one runs.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	if !known(name) {
		if len(os.Args) < 2 || !known(os.Args[1]) {
			fmt.Fprintln(os.Stderr, "usage: kubernetes etcd|kube-apiserver|kube-controller-manager|kubectl [FLAGS]")
			os.Exit(2)
		}
		name, os.Args = os.Args[1], os.Args[1:]
	}
	if os.Getenv("ZTUI_TEST_LEASH") != "" && name != "kubectl" {
		go leash()
	}
	switch name {
	case "etcd":
		if err := etcd(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			os.Exit(1)
		}
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(manager.NewControllerManagerCommand()))
	case "kubectl":
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	}
}

func known(name string) bool {
	return name == "etcd" || name == "kube-apiserver" || name == "kube-controller-manager" || name == "kubectl"
}

// leash ends this process when the one that started it is gone, however it went: the pipe on standard input closes.
func leash() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// etcd takes those flags of the real command that a single throw-away member needs, so that either can be started.
func etcd(args []string) error {
	config := embed.NewConfig()
	config.QuotaBackendBytes = 8 << 30
	flags := flag.NewFlagSet("etcd", flag.ExitOnError)
	flags.StringVar(&config.Dir, "data-dir", "default.etcd", "where the member keeps its data")
	flags.StringVar(&config.LogLevel, "log-level", "error", "debug, info, warn or error")
	flags.StringVar(&config.InitialCluster, "initial-cluster", "", "NAME=URL of the member")
	flags.BoolVar(&config.UnsafeNoFsync, "unsafe-no-fsync", false, "do not flush to the disk")
	urlFlag(flags, "listen-client-urls", &config.ListenClientUrls)
	urlFlag(flags, "advertise-client-urls", &config.AdvertiseClientUrls)
	urlFlag(flags, "listen-peer-urls", &config.ListenPeerUrls)
	urlFlag(flags, "initial-advertise-peer-urls", &config.AdvertisePeerUrls)
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
		return nil
	case err := <-server.Err():
		return err
	}
}

func urlFlag(flags *flag.FlagSet, name string, target *[]url.URL) {
	flags.Func(name, "one URL", func(text string) error {
		parsed, err := url.Parse(text)
		if err == nil {
			*target = []url.URL{*parsed}
		}
		return err
	})
}
