using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace SpadeCluster.Server.Grpc.Admission;

/// <summary>The prefix of every gRPC message: whether it is compressed (1 byte) and its length (4 bytes, big-endian).</summary>
internal readonly record struct MessageHead(bool Compressed, uint Length)
{
    private const int Size = 5;

    /// <summary>Reads the prefix of the next message without consuming it. Until the message is read, the rest stays with the client, by
    /// HTTP/2's flow control.</summary>
    /// <returns>Null: there is no further message.</returns>
    public static async ValueTask<MessageHead?> PeekAsync(PipeReader body, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await body.ReadAsync(cancellationToken);
            if (read.Buffer.Length >= Size || read.IsCompleted || read.IsCanceled)
            {
                var head = Parse(read.Buffer);
                body.AdvanceTo(read.Buffer.Start);
                return head;
            }
            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static MessageHead? Parse(ReadOnlySequence<byte> buffer)
    {
        if (buffer.Length < Size) return null;
        Span<byte> head = stackalloc byte[Size];
        buffer.Slice(0, Size).CopyTo(head);
        return new MessageHead(head[0] != 0, BinaryPrimitives.ReadUInt32BigEndian(head[1..]));
    }

    /// <summary>Bytes that the message may need in memory; the limit if it is compressed.</summary>
    /// <exception cref="SpadeException">ResourceExhausted: more than <paramref name="most"/>.</exception>
    public long Bytes(int most) => Length > most
        ? throw new SpadeException(SpadeError.ResourceExhausted,
            $"a message of {Length:N0} bytes is above this server's limit of {most:N0}; send a smaller image")
        : Compressed ? most : Length;
}
