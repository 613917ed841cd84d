using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;

namespace SpadeCluster.Storage.Snapshots;

/// <summary>Writes a category's files into a tar, and their sums at the end.</summary>
internal sealed class SnapshotWriter(Stream stream, string category) : IDisposable
{
    private readonly TarWriter _tar = new(stream, TarEntryFormat.Pax, leaveOpen: true);
    private readonly StringBuilder _sums = new();

    public void Add(string name, byte[] content)
    {
        _sums.Append(SumLine(name, content));
        // Without time and user, so that the same content makes the same file.
        _tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"{category}/{name}")
        {
            DataStream = new MemoryStream(content),
            ModificationTime = DateTimeOffset.UnixEpoch,
        });
    }

    public void Finish() => Add(Snapshot.Sums, Encoding.ASCII.GetBytes(_sums.ToString()));

    public void Dispose() => _tar.Dispose();

    internal static string SumLine(string name, byte[] content) => $"{Convert.ToHexStringLower(SHA256.HashData(content))}  {name}\n";
}
