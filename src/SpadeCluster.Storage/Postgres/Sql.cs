using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace SpadeCluster.Storage.Postgres;

/// <summary>Statements with positional parameters ($1, $2 ...).</summary>
internal static class Sql
{
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string text, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(text, connection);
        foreach (object value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    /// <returns>Rows affected.</returns>
    public static async ValueTask<int> ExecuteAsync(this NpgsqlConnection connection, string text, CancellationToken cancellationToken,
        params object[] values)
    {
        await using var command = connection.Command(text, values);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>The first value of the first row; default if there is no row or it is null.</returns>
    public static async ValueTask<T?> ScalarAsync<T>(this NpgsqlConnection connection, string text, CancellationToken cancellationToken,
        params object[] values)
    {
        await using var command = connection.Command(text, values);
        return await command.ExecuteScalarAsync(cancellationToken) is T value ? value : default;
    }
}

/// <summary>Keys of PostgreSQL's advisory locks, which are plain numbers shared by all programs that use a database.</summary>
internal static class AdvisoryKey
{
    public static long Of(string what) =>
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes("spade gallery " + what)));
    public static long OfWriter(string category) => Of($"writer {category}");
    public static long OfVersion(string category, int version) => Of($"version {version} of {category}");
}
