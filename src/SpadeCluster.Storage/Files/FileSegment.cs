using Microsoft.Win32.SafeHandles;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage.Files;

/// <summary>A segment's file, read at given offsets without buffering.</summary>
internal sealed class FileSegment : ISegmentSource
{
    private readonly string _path;
    private readonly SafeFileHandle _file;

    public FileSegment(string path)
    {
        // The open file may be deleted: compaction deletes only segments that no pinned version needs.
        (_path, _file) = (path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        Length = RandomAccess.GetLength(_file);
    }

    public long Length { get; }

    public ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Read(offset, destination.Span));

    public int Read(long offset, Span<byte> destination)
    {
        try
        {
            int done = 0;
            for (int n; done < destination.Length && (n = RandomAccess.Read(_file, destination[done..], offset + done)) > 0; done += n) { }
            return done;
        }
        catch (IOException e)
        {
            throw FileGalleryStore.Unreadable(_path, e);
        }
    }

    public void Dispose() => _file.Dispose();
}
