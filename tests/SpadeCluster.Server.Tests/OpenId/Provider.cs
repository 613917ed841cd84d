using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.OpenId;

/// <summary>provider.mjs as a process: a real provider, the npm package oidc-provider.</summary>
internal sealed class Provider : IAsyncDisposable
{
    private readonly Process _process;

    private Provider(Process process, string issuer) => (_process, Issuer) = (process, issuer);

    public string Issuer { get; }

    private static string Folder { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../OpenId"));

    /// <summary>Why it cannot be started; null: it can.</summary>
    public static string? Missing { get; } = Directory.Exists(Path.Combine(Folder, "node_modules")) ? null
        : $"needs Node.js with oidc-provider ('npm ci' in {Folder})";

    public static async Task<Provider> StartAsync()
    {
        var process = Process.Start(new ProcessStartInfo("node", ["provider.mjs"])
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        return new Provider(process, await process.StandardOutput.ReadLineAsync(limit.Token)
            ?? throw new InvalidOperationException("the provider did not start"));
    }

    /// <summary>First where browsers are sent back to, then accounts with the values of their claim.</summary>
    public async Task TellAsync(params string[] words)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await _process.StandardInput.WriteLineAsync(string.Join(' ', words));
        Assert.Equal("done", await _process.StandardOutput.ReadLineAsync(limit.Token));
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}

/// <summary>A server where people may sign in at a provider.</summary>
public sealed class OpenIdFixture : ServerFixture, IAsyncLifetime
{
    internal Provider? Provider { get; private set; }

    async Task IAsyncLifetime.InitializeAsync()
    {
        if (OpenIdFactAttribute.Reason is null) Provider = await Provider.StartAsync();
        await InitializeAsync();
        if (Provider is not null) await Provider.TellAsync($"{Address}{OpenIdSignIn.Path}/done");
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        if (Provider is not null) await Provider.DisposeAsync();
    }

    private protected override async Task<ServerOptions> ConfigureAsync(ServerOptions options)
    {
        string secret = Path.Combine(Folder, "secret");
        await File.WriteAllTextAsync(secret, "known to tests only\n");
        await using var database = ServerDatabase.Open(options);
        await new ApiKeyStore(database, TimeProvider.System).CreateAsync("first", Role.Engineer, []);
        return options with
        {
            // Without a provider: an address where nobody answers.
            OpenIdAuthority = Provider?.Issuer ?? "http://127.0.0.1:9",
            OpenIdClient = "spade",
            OpenIdSecretFile = secret,
        };
    }
}

/// <summary>Skips, by name, where the provider cannot be started.</summary>
public sealed class OpenIdFactAttribute : FactAttribute
{
    internal static string? Reason => Provider.Missing;

    public OpenIdFactAttribute(bool browser = false) =>
        Skip = Reason ?? (browser && ChromiumFactAttribute.Path is null ? "needs Chromium (Debian: apt-get install chromium)" : null);
}
