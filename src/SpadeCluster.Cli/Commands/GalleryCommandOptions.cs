using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Storage;

namespace SpadeCluster.Cli.Commands;

/// <summary>--server and --key: a server does the work with its own galleries, models and devices.</summary>
internal sealed class RemoteOptions
{
    /// <summary>Has the key if --key is not given, so that the key is not visible in lists of processes.</summary>
    public const string KeyVariable = "SPADE_KEY";

    private readonly Option[] _local;
    private readonly Option<string?> _server = new("--server")
    {
        Description = "Let a server do the work: the gRPC address of 'spade serve' or of a gateway, or several separated by commas. " +
            "Results are the same.",
        HelpName = "HOST:PORT",
    };
    private readonly Option<string?> _key = new("--key")
    {
        Description = $"API key for --server. Default: the environment variable {KeyVariable}.",
        HelpName = "KEY",
    };

    /// <param name="local">Options for local work only, which are refused with --server.</param>
    public RemoteOptions(Command command, params Option[] local)
    {
        _local = local;
        command.Add(_server);
        command.Add(_key);
    }

    /// <returns>Null: no server is named.</returns>
    /// <exception cref="SpadeException">InvalidArgument: not an address, an option for local work only, or a key without a
    /// server.</exception>
    public SpadeClient? Connect(ParseResult parsed)
    {
        string? key = parsed.GetValue(_key);
        if (parsed.GetValue(_server) is not { } address)
            return key is null ? null : throw new SpadeException(SpadeError.InvalidArgument,
                "--key is for a server: name it with --server, or leave out --key");
        string[] given = [.. _local.Where(o => parsed.GetResult(o) is { Implicit: false }).Select(o => o.Name)];
        if (given.Length > 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"a server uses its own galleries, models and devices: leave out {string.Join(", ", given)}, or --server");
        var options = SpadeClientOptions.For(address.Split(','));
        key ??= Environment.GetEnvironmentVariable(KeyVariable);
        if (!string.IsNullOrEmpty(key)) options.Headers["authorization"] = $"Bearer {key}";
        return new SpadeClient(options);
    }

    /// <summary>Refuses --server for a command that works on stored galleries directly.</summary>
    public static Command Refuse(Command command)
    {
        var server = new Option<string?>("--server") { Hidden = true };
        server.Validators.Add(result => result.AddError(
            $"'gallery {command.Name}' works where the galleries are stored: leave out --server, and run it there with --gallery"));
        command.Add(server);
        return command;
    }
}

/// <summary>The galleries of a command: those of a folder or a database, or with --server those of a server.</summary>
internal sealed class GalleryCommandOptions
{
    private readonly Option<string> _gallery = CommonOptions.Gallery();
    private readonly RemoteOptions _remote;

    /// <param name="local">Further options for local work only.</param>
    public GalleryCommandOptions(Command command, params Option[] local)
    {
        command.Add(_gallery);
        _remote = new RemoteOptions(command, [_gallery, .. local]);
    }

    /// <param name="engines">Models for local work, opened when needed and disposed with the galleries.</param>
    /// <param name="keepDeleted">For how long a deleted category can be restored; null: the default.</param>
    public OpenedGalleries Open(ParseResult parsed, Func<Engines>? engines = null, bool thumbnails = true, TimeSpan? keepDeleted = null)
    {
        if (_remote.Connect(parsed) is { } client) return new OpenedGalleries(client.Galleries(Environment.UserName), null, client);
        var store = GalleryLocation.Open(parsed.GetRequiredValue(_gallery));
        var models = engines?.Invoke() ?? new Engines(null);
        return new OpenedGalleries(models.Galleries(store, Environment.UserName, thumbnails, keepDeleted: keepDeleted),
            new LocalGalleries(store, models), models);
    }
}

/// <summary>Galleries of this machine: their store and the models.</summary>
internal sealed record LocalGalleries(GalleryStore Store, Engines Engines);

/// <summary>The opened galleries of a command.</summary>
/// <param name="Local">Null: the galleries are a server's.</param>
internal sealed record OpenedGalleries(IGalleryService Service, LocalGalleries? Local, IDisposable Owned) : IDisposable
{
    public void Dispose() => Owned.Dispose();
}
