using System.Formats.Tar;
using System.Text;

namespace SpadeCluster.Storage.Snapshots;

/// <summary>Reads a category's files from a tar and computes their sums.</summary>
internal sealed class SnapshotReader(Stream stream, string path) : IAsyncDisposable
{
    private readonly TarReader _tar = new(stream, leaveOpen: true);
    private readonly StringBuilder _sums = new();

    /// <returns>The next file, or null at the end.</returns>
    /// <exception cref="SpadeException">InvalidArgument: an entry that no snapshot has.</exception>
    /// <exception cref="IOException">Truncated, or not a tar file. <see cref="FormatException"/> and
    /// <see cref="InvalidDataException"/> mean the same.</exception>
    public async ValueTask<(string Category, string Name, byte[] Content)?> ReadAsync(CancellationToken cancellationToken)
    {
        var entry = await _tar.GetNextEntryAsync(copyData: false, cancellationToken);
        if (entry is null) return null;
        int slash = entry.Name.IndexOf('/');
        if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile) || slash < 1) throw Snapshot.Not(path);
        // Checked before allocating, so that a wrong size cannot exhaust memory.
        if (entry.Length > Math.Min(Array.MaxLength, stream.Length))
            throw new InvalidDataException($"'{entry.Name}' claims {entry.Length} bytes");
        var content = new byte[entry.Length];
        if (entry.DataStream is { } data) await data.ReadExactlyAsync(content, cancellationToken);
        string name = entry.Name[(slash + 1)..];
        if (name != Snapshot.Sums) _sums.Append(SnapshotWriter.SumLine(name, content));
        return (entry.Name[..slash], name, content);
    }

    /// <exception cref="SpadeException">DataLoss: the files that were read differ from those that were written.</exception>
    public void CheckSums(byte[] listed)
    {
        if (Encoding.ASCII.GetString(listed) != _sums.ToString())
            throw new SpadeException(SpadeError.DataLoss, $"'{path}' is damaged: its {Snapshot.Sums} does not match its files");
    }

    public ValueTask DisposeAsync() => _tar.DisposeAsync();
}
