using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// Networks as ONNX Runtime has optimised them, kept in a folder of this machine. Optimising transforms and copies all weights at every
/// start; a network of the cache is ready, and its weights are mapped into memory, once for all sessions and processes. A network is kept
/// for one file of a model, one build of this library, one version of ONNX Runtime and one type of processor. A folder that cannot be
/// written, is another user's or is on a network drive means no cache, and never an error. Safe for concurrent calls and processes.
/// </summary>
public sealed class NetworkCache
{
    private const string NetworkFile = "network.onnx", WeightsFile = "weights", EntryFile = "entry.json";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _folder;
    private readonly long _limit;

    /// <param name="limit">Most bytes to keep. The networks that were not used for the longest time are removed first.</param>
    public NetworkCache(string folder, long limit = 2L << 30) => (_folder, _limit) = (folder, limit);

    /// <summary>In the user's cache folder: <c>spadecluster/networks</c> in $XDG_CACHE_HOME or ~/.cache. Null: the user has none.</summary>
    public static NetworkCache? OfUser()
    {
        string? caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!Path.IsPathRooted(caches)) // the XDG specification says to ignore relative ones
            caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.IsPathRooted(caches) ? new(Path.Combine(caches, "spadecluster", "networks")) : null;
    }

    /// <summary>The network of a model; null if there is none that fits.</summary>
    internal CachedNetwork? Find(ModelSource model, bool halfLevels) => Try(() =>
    {
        if (Name(model, halfLevels) is not { } name) return null;
        MakeFolder();
        string folder = Path.Combine(_folder, name);
        if (!Directory.Exists(folder)) return null;
        var cached = Try(() => Read(folder));
        if (cached is null) Delete(folder);
        else Directory.SetLastWriteTimeUtc(folder, DateTime.UtcNow);
        return cached;
    });

    /// <summary>A folder where ONNX Runtime can write a model's network; null if it cannot be kept.</summary>
    internal NetworkDraft? Draft(ModelSource model, bool halfLevels) => Try(() =>
    {
        if (Name(model, halfLevels) is not { } name) return null;
        MakeFolder();
        string folder = Path.Combine(_folder, $"{name}.{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        return new NetworkDraft(Path.Combine(folder, NetworkFile), WeightsFile, features => Try(() => Keep(folder, name, features)),
            () => Delete(folder));
    });

    /// <returns>Null: the file system refused.</returns>
    private static T? Try<T>(Func<T?> action) where T : class
    {
        T? result = null;
        Try(() => { result = action(); });
        return result;
    }

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without the cache, a network is optimised again.
        }
    }

    /// <exception cref="UnauthorizedAccessException">The folder is another user's, who could put any network there. Setting its mode fails,
    /// because only the owner may.</exception>
    /// <exception cref="IOException">It is on a network drive. If the drive fails, or another host removes a file, the process ends at its
    /// next read of mapped weights.</exception>
    private void MakeFolder()
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(_folder);
        else
        {
            Directory.CreateDirectory(_folder, OwnerOnly);
            File.SetUnixFileMode(_folder, OwnerOnly);
        }
        if (new DriveInfo(_folder).DriveType == DriveType.Network) throw new IOException($"{_folder} is on a network drive");
    }

    /// <returns>Null: the model is not a file.</returns>
    private static string? Name(ModelSource model, bool halfLevels)
    {
        if (model.NetworkFile is not { } path) return null;
        var file = new FileInfo(path);
        string text = string.Join('\n', model.Digest, halfLevels, file.FullName, file.Length, file.LastWriteTimeUtc.Ticks,
            typeof(NetworkCache).Module.ModuleVersionId, BoundSession.RuntimeVersion, RuntimeInformation.ProcessArchitecture, Processor());
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..32];
    }

    /// <summary>Its model number and instruction sets, on which the layout of optimised weights depends.</summary>
    private static string Processor()
    {
        if (!X86Base.IsSupported) return "";
        var (version, _, sets, moreSets) = X86Base.CpuId(1, 0); // the second value differs from core to core
        return string.Join(' ', version, sets, moreSets, X86Base.CpuId(7, 0), X86Base.CpuId(7, 1));
    }

    private void Keep(string draft, string name, string features)
    {
        string weights = Path.Combine(draft, WeightsFile), kept = Path.Combine(_folder, name);
        if (!File.Exists(weights)) File.Create(weights).Dispose(); // ONNX Runtime writes none for a network without large weights
        var entry = new CachedNetworkEntry(features, HashOf(Path.Combine(draft, NetworkFile)), HashOf(weights),
            new FileInfo(weights).Length);
        File.WriteAllBytes(Path.Combine(draft, EntryFile),
            JsonSerializer.SerializeToUtf8Bytes(entry, NetworkCacheJson.Default.CachedNetworkEntry));
        if (!Directory.Exists(kept)) Directory.Move(draft, kept); // else another process was faster
        long bytes = 0;
        // Also drafts of processes that were killed.
        foreach (var folder in new DirectoryInfo(_folder).EnumerateDirectories().OrderByDescending(d => d.LastWriteTimeUtc))
            if ((bytes += folder.EnumerateFiles().Sum(f => f.Length)) > _limit && folder.Name != name) Delete(folder.FullName);
    }

    /// <returns>Null: damaged.</returns>
    private static CachedNetwork? Read(string folder)
    {
        CachedNetworkEntry? entry;
        try
        {
            byte[] json = File.ReadAllBytes(Path.Combine(folder, EntryFile));
            entry = JsonSerializer.Deserialize(json, NetworkCacheJson.Default.CachedNetworkEntry);
        }
        catch (JsonException)
        {
            return null;
        }
        string network = Path.Combine(folder, NetworkFile), weights = Path.Combine(folder, WeightsFile);
        // ONNX Runtime maps the weights, so their length is checked before.
        if (HashOf(network) != entry?.Network || new FileInfo(weights).Length != entry.WeightsLength) return null;
        return new CachedNetwork(network, entry, Task.Run(() => Try(() => HashOf(weights)) == entry.Weights), () => Delete(folder));
    }

    /// <summary>Finds damage, not attacks: files here are as safe as other files of their user.</summary>
    private static string HashOf(string path)
    {
        var hash = new XxHash128();
        using var file = File.OpenRead(path);
        hash.Append(file);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private static void Delete(string folder) => Try(() => Directory.Delete(folder, recursive: true));
}
