package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"aergo/net/daemon"
)

// What contrib says of the daemon's settings is what the daemon understands.
func TestContrib(t *testing.T) {
	text, err := os.ReadFile("../../contrib/daemon.toml")
	if err != nil {
		t.Fatal(err)
	}
	none := func(string) string { return "" }
	uncommented := regexp.MustCompile(`(?m)^# (\w+ = )`).ReplaceAllString(string(text), "$1")
	for what, file := range map[string]string{"as it is": string(text), "with the defaults": strings.Replace(uncommented, "listen = ", "# listen = ", 1)} {
		settings, _, err := daemon.Load(daemon.Sources{File: file, FileName: "daemon.toml", Environment: none})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, s := range daemon.List() {
			if !strings.Contains(string(text), s.Name) && s.Name != "ready_file" && s.Name != "log_level" {
				t.Errorf("contrib/daemon.toml does not tell about %s", s.Name)
			}
		}
		if d := daemon.Defaults(); settings.PushBytes != d.PushBytes || settings.StopWait != d.StopWait || settings.OpenRepositories != d.OpenRepositories {
			t.Errorf("%s: defaults that are none: %+v", what, settings)
		}
	}
	container, err := os.ReadFile("../../contrib/container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{}
	for _, m := range regexp.MustCompile(`(AERGO_DAEMON_\w+)=(\S+)`).FindAllStringSubmatch(string(container), -1) {
		environment[m[1]] = m[2]
	}
	_, all, err := daemon.Load(daemon.Sources{Environment: func(name string) string { return environment[name] }})
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, s := range all {
		if s.From == "environment" {
			known++
		}
	}
	if known != len(environment) {
		t.Errorf("the container sets %v, of which %d are settings", environment, known)
	}
}
