using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Server;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Cli.Commands;

/// <summary>--data and --database: the server whose keys and audit log a command uses.</summary>
internal sealed class ServerData
{
    private readonly Option<string> _data = ServeCommand.Data();
    private readonly Option<string?> _database = Database();

    public static Option<string?> Database() => new("--database")
    {
        Description = "File that holds the PostgreSQL connection string of a cluster's keys, audit log and decisions.",
        HelpName = "FILE",
    };

    public IReadOnlyList<Option> All => [_data, _database];

    public void AddTo(Command command)
    {
        command.Add(_data);
        command.Add(_database);
    }

    /// <param name="create">Whether to create a missing folder.</param>
    /// <exception cref="SpadeException">NotFound: no server has used this folder.</exception>
    public ServerDatabase Open(ParseResult parsed, bool create = false)
    {
        if (parsed.GetValue(_database) is { } file)
            return ServerDatabase.Open(new ServerOptions { Database = Files.Text(file) });
        string folder = parsed.GetRequiredValue(_data);
        if (!create && !File.Exists(SqliteDatabase.PathIn(folder)))
            throw new SpadeException(SpadeError.NotFound,
                $"no server keeps its data in '{Path.GetFullPath(folder)}': name the folder of 'spade serve' with --data, or the cluster's "
                + "--database; 'spade key create --new' creates the folder before a server's first start");
        return ServerDatabase.Open(new ServerOptions { DataFolder = folder });
    }
}
