using System.Data.Common;

namespace SpadeCluster.Server.Storage;

/// <summary>Statements with named parameters, such as $id, in one line each.</summary>
internal static class Sql
{
    public static int Execute(this DbConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteNonQuery();
    }

    public static T? Scalar<T>(this DbConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteScalar() is T value ? value : default;
    }

    public static List<T> Query<T>(this DbConnection connection, string sql, Func<DbDataReader, T> row,
        params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(row(reader));
        return rows;
    }

    public static string? Text(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
    public static byte[]? Bytes(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<byte[]>(column);
    public static double? Number(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetDouble(column);
    public static bool? Flag(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetBoolean(column);
    public static DateTimeOffset? Time(this DbDataReader row, int column) =>
        row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    private static DbCommand Command(DbConnection connection, string sql, ReadOnlySpan<(string Name, object? Value)> values)
    {
        var command = connection.CreateCommand();
        // PostgreSQL's driver supports names with @ only, SQLite's both.
        command.CommandText = sql.Replace('$', '@');
        foreach (var (name, value) in values)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) =
                (name.Replace('$', '@'), value is DateTimeOffset time ? time.ToUnixTimeMilliseconds() : value ?? DBNull.Value);
            command.Parameters.Add(parameter);
        }
        return command;
    }
}
