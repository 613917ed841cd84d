using System.Data;
using Npgsql;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage.Postgres;

/// <summary>A segment stored in rows of spade_chunk. A read streams just the covered parts of the rows to the destination.</summary>
internal sealed class PostgresSegment(NpgsqlConnection connection, string category, long id, long length) : ISegmentSource
{
    /// <summary>Part of the format: spade_chunk's rows hold this many bytes, the last one fewer.</summary>
    public const int ChunkLength = 512 * 1024;

    public long Length { get; } = length;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        long end = offset + destination.Length;
        try
        {
            await using var command = connection.Command(
                $"""
                select n, substring(data
                    from (greatest($3 - n::bigint * {ChunkLength}, 0) + 1)::int
                    for least({ChunkLength}, $4 - n::bigint * {ChunkLength})::int)
                from spade_chunk where category = $1 and id = $2 and n between $3 / {ChunkLength} and ($4 - 1) / {ChunkLength} order by n
                """, category, id, offset, end);
            await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
            int done = 0;
            // A missing row ends the segment: nothing can be read beyond it.
            while (done < destination.Length && await reader.ReadAsync(cancellationToken)
                && reader.GetInt32(0) == (offset + done) / ChunkLength)
            {
                await using var data = await reader.GetStreamAsync(1, cancellationToken);
                int read = await data.ReadAtLeastAsync(destination[done..], destination.Length - done, throwOnEndOfStream: false,
                    cancellationToken);
                if (read == 0) break;
                done += read;
            }
            return done;
        }
        catch (NpgsqlException e)
        {
            throw PostgresGalleryStore.Explain(e);
        }
    }

    public void Dispose() => connection.Dispose();
}
