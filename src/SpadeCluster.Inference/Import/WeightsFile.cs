namespace SpadeCluster.Inference.Import;

/// <summary>Published weights: safetensors, or PyTorch's .pth in either of its formats. The format is recognised by the content.</summary>
internal static class WeightsFile
{
    /// <summary>The first bytes of every older .pth: protocol 2, then torch.save's magic number.</summary>
    private static readonly byte[] OlderTorch =
        [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.'];

    /// <returns>The weights; dispose it.</returns>
    /// <exception cref="SpadeException">NotFound: no such file. InvalidArgument: damaged, or of another format.</exception>
    public static IWeights Open(string path)
    {
        var head = new byte[OlderTorch.Length];
        int read;
        using (var file = OpenRead(path)) read = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        bool torch = head.AsSpan(0, read).SequenceEqual(OlderTorch) || head.AsSpan(0, read).StartsWith("PK\x3\x4"u8);
        if (torch) return new TorchFile(path);
        // The header of safetensors is JSON after a length of 8 bytes.
        if (read <= 8 || head[8] != '{')
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{path} holds no weights that can be read: it begins neither as safetensors nor as torch.save's zip archive or older " +
                $"format; it is damaged, or of another format");
        return new SafetensorsFile(path);
    }

    internal static bool IsZip(FileStream file)
    {
        Span<byte> head = stackalloc byte[4];
        int read = file.ReadAtLeast(head, 4, throwOnEndOfStream: false);
        file.Position = 0;
        return read == 4 && head.SequenceEqual("PK\x3\x4"u8);
    }

    /// <exception cref="SpadeException">NotFound: no such file. InvalidArgument: it cannot be opened.</exception>
    internal static FileStream OpenRead(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.NotFound, $"there is no weights file {path}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path} could not be opened: {e.Message}", e);
        }
    }
}
