package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"aergo/repo"
)

type versionJSON struct {
	Version string `json:"version"`
	Format  int    `json:"format"` // of repositories
	Go      string `json:"go"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  wants(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if a.ui.JSON {
				out := versionJSON{Version: version(), Format: repo.FormatVersion}
				if info, ok := debug.ReadBuildInfo(); ok {
					out.Go = info.GoVersion
				}
				return a.ui.PrintJSON(out)
			}
			return a.ui.Printf("aergo %s\n", version())
		},
	}
}

// version is what the build says: a tag, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 8 {
			return "development " + s.Value[:8]
		}
	}
	return "development"
}
