using System.Text.Json;
using SpadeCluster.Inference.BuiltIn;

namespace SpadeCluster.Inference;

/// <summary>A model on disk: a folder with <c>model.onnx</c> and <c>model.json</c>.</summary>
public static class ModelFolder
{
    public const string NetworkFile = "model.onnx", ManifestFile = "model.json";
    private const long LargestNetwork = 1L << 30, LargestManifest = 1 << 20;

    /// <summary>Reads a model and checks its digest.</summary>
    /// <exception cref="SpadeException">NotFound: no such folder or file. InvalidArgument: unreadable manifest.
    /// FailedPrecondition: the digest differs. ResourceExhausted: a file is too large.</exception>
    public static InferenceModel Open(string directory)
    {
        var manifest = ReadManifest(directory);
        string networkPath = Path.Combine(directory, NetworkFile);
        CheckMemory(networkPath, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        return InferenceModel.Create(manifest, ReadBounded(networkPath, LargestNetwork), directory);
    }

    /// <summary>Reads the manifest of a folder, without its network.</summary>
    /// <exception cref="SpadeException">NotFound: no such file. InvalidArgument: unreadable, or with invalid values.</exception>
    internal static ModelManifest ReadManifest(string directory)
    {
        if (!Directory.Exists(directory))
            throw new SpadeException(SpadeError.NotFound,
                $"there is no model folder {directory}; built in are {string.Join(" and ", BuiltInModels.Names)}, and 'spade model " +
                    $"import' makes others");
        string manifestPath = Path.Combine(directory, ManifestFile);
        ModelManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(ReadBounded(manifestPath, LargestManifest), ModelManifestJson.Default.ModelManifest);
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{manifestPath} is not a valid model manifest: {e.Message}", e);
        }
        if (manifest is null) throw new SpadeException(SpadeError.InvalidArgument, $"{manifestPath} is empty");
        manifest.Validate(manifestPath);
        return manifest;
    }

    /// <summary>Checks that there is memory for the file, its tensors and the extractor's copies at the same time.</summary>
    internal static void CheckMemory(string path, long available)
    {
        const int Copies = 4;
        var file = new FileInfo(path);
        if (file.Exists && Copies * file.Length > available)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{path} has {file.Length:N0} bytes; running it takes at least {Copies} times as much memory, and this process may use " +
                $"{available:N0} bytes: free memory, raise the limit, or use a smaller model");
    }

    /// <summary>Writes a model. The folder appears complete or not at all. Writing the same model again changes nothing.</summary>
    /// <param name="replace">Whether another model that is already there may be replaced.</param>
    /// <exception cref="SpadeException">FailedPrecondition: the folder holds something else.</exception>
    public static void Write(string directory, InferenceModel model, bool replace = false)
    {
        directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        byte[] manifest = JsonSerializer.SerializeToUtf8Bytes(model.Manifest, ModelManifestJson.Default.ModelManifest);
        bool exists = Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any();
        if (exists)
        {
            string[] names = [.. Directory.EnumerateFileSystemEntries(directory).Select(p => Path.GetFileName(p)!).Order()];
            bool isModel = names.AsSpan().SequenceEqual([ManifestFile, NetworkFile]);
            if (isModel && Same(directory, model, manifest)) return;
            if (!isModel || !replace)
                throw new SpadeException(SpadeError.FailedPrecondition,
                    $"{directory} already holds {(isModel ? "another model" : "other files")}; choose another " +
                    $"folder{(isModel ? " or replace it explicitly" : "")}");
        }
        string temporary = $"{directory}.{Guid.NewGuid():N}.tmp", old = $"{temporary}.old";
        try
        {
            Directory.CreateDirectory(temporary);
            WriteDurably(Path.Combine(temporary, NetworkFile), model.Network.Span);
            WriteDurably(Path.Combine(temporary, ManifestFile), manifest);
            // The old model, if any, is renamed first and deleted only when the new one is complete.
            if (Directory.Exists(directory)) Directory.Move(directory, old);
            Directory.Move(temporary, directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.ResourceExhausted, $"the model could not be written to {directory}: {e.Message}", e);
        }
        finally
        {
            if (Directory.Exists(old) && !Directory.Exists(directory)) Directory.Move(old, directory);
            foreach (string leftover in (string[])[temporary, old])
                if (Directory.Exists(leftover)) Directory.Delete(leftover, recursive: true);
        }
    }

    private static bool Same(string directory, InferenceModel model, byte[] manifest) =>
        File.ReadAllBytes(Path.Combine(directory, ManifestFile)).AsSpan().SequenceEqual(manifest)
        && InferenceModel.DigestOf(ReadBounded(Path.Combine(directory, NetworkFile), LargestNetwork)).Equals(model.Manifest.Sha256,
            StringComparison.OrdinalIgnoreCase);

    private static void WriteDurably(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(path, FileMode.CreateNew);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    internal static byte[] ReadBounded(string path, long largest)
    {
        try
        {
            long length = new FileInfo(path).Length;
            if (length > largest) throw new SpadeException(SpadeError.ResourceExhausted,
                $"{path} has {length} bytes; at most {largest} are read");
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.NotFound, $"{path} does not exist", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path} could not be read: {e.Message}", e);
        }
    }
}
