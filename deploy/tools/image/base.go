package main

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// User is who the image runs as: a number, because Kubernetes cannot tell that a name is not root.
const User = "65532:65532"

// base returns the image, for each platform, that the binary is laid upon. zones is Go's zoneinfo.zip.
func base(platforms []v1.Platform, zones []byte) (v1.ImageIndex, error) {
	layer, err := baseLayer(zones)
	if err != nil {
		return nil, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
		img, err := mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{
			CreatedBy: "deploy/tools/image", Comment: "certificate authorities, time zones, a user without rights"}})
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		config = config.DeepCopy()
		config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
		config.Config.User, config.Config.WorkingDir = User, "/"+dataDir
		config.Config.Env = []string{"HOOKPROOF_DATA_DIR=/" + dataDir}
		if img, err = mutate.ConfigFile(img, config); err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	return index, nil
}
