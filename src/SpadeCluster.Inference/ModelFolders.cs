namespace SpadeCluster.Inference;

/// <summary>A folder whose folders are models. One that is broken does not stand in the way of the others.</summary>
public static class ModelFolders
{
    /// <summary>The model folders directly below <paramref name="root"/>, by name; whether they can be opened is not looked at.</summary>
    public static IEnumerable<string> In(string root)
        => (Directory.Exists(root) ? Directory.EnumerateDirectories(root) : []).Order(StringComparer.Ordinal).Where(d => File.Exists(Path.Combine(d, ModelFolder.ManifestFile)));

    /// <summary>Opens the model of a digest. Of the others only the manifests are read, not their networks.</summary>
    /// <param name="digest">See <see cref="InferenceModel.Digest"/>.</param>
    /// <param name="warn">Told of each folder whose manifest cannot be read.</param>
    /// <returns>Null: none below <paramref name="root"/> has this digest.</returns>
    /// <exception cref="SpadeException">As <see cref="ModelFolder.Open"/>: there is one, but it is damaged.</exception>
    public static InferenceModel? Find(string root, string digest, Action<string> warn)
    {
        foreach (string folder in In(root))
        {
            try
            {
                if (ModelFolder.ReadManifest(folder).FeatureDigest() != digest) continue;
            }
            catch (SpadeException e)
            {
                warn($"model folder '{folder}' is left out: {e.Message}");
                continue;
            }
            return ModelFolder.Open(folder);
        }
        return null;
    }
}
