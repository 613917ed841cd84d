using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Deliveries;

/// <summary>The picture that is sent with a decision, if the log keeps its photograph.</summary>
public enum DeliveredPicture
{
    None,
    /// <summary>The map in colours, a PNG of the network's input size.</summary>
    Map,
    /// <summary>The network's input with the map over it, a PNG.</summary>
    Overlay,
    /// <summary>The photograph, a JPEG of at most 4096 pixels along its longer side.</summary>
    Photograph,
}

/// <summary>A receiver of decisions, one entry of the file of --deliveries. docs/deliveries.md describes every setting.</summary>
/// <param name="Name">Its name in the outbox, in metrics and in the ids of deliveries.</param>
/// <param name="Url">https://... of a webhook, or mqtts://HOST:PORT of a broker.</param>
public sealed record Destination(string Name, string Url)
{
    /// <summary>The file with a webhook's secrets, one a line: whsec_ and base64.</summary>
    public string? SecretFile { get; init; }

    public string? User { get; init; }
    public string? PasswordFile { get; init; }

    /// <summary>First part of a broker's topics.</summary>
    public string Topic { get; init; } = "spade";

    /// <summary>PEM file of the authorities that may certify the receiver; null: those of the system.</summary>
    public string? CaFile { get; init; }

    /// <summary>Allows http and mqtt, without TLS, beyond loopback.</summary>
    public bool Insecure { get; init; }

    /// <summary>Only decisions with these verdicts; null: all. The same for categories and lines.</summary>
    public IReadOnlyList<string>? Verdicts { get; init; }
    public IReadOnlyList<string>? Categories { get; init; }
    public IReadOnlyList<string>? Lines { get; init; }

    public DeliveredPicture Picture { get; init; }

    /// <summary>Deliveries per second; null: no limit.</summary>
    public double? PerSecond { get; init; }

    /// <summary>Hours after which a decision that cannot be delivered becomes a dead letter.</summary>
    public double GiveUpHours { get; init; } = 24;

    /// <summary>Decisions that may wait; beyond it the oldest become dead letters.</summary>
    public int MaxWaiting { get; init; } = 100_000;

    internal bool IsBroker => Address.Scheme is "mqtt" or "mqtts";

    internal bool IsEncrypted => Address.Scheme is "https" or "mqtts";

    internal Uri Address => new(Url);

    internal TimeSpan GiveUpAfter => TimeSpan.FromHours(GiveUpHours);

    internal bool Wants(string? verdict, string category, string line) => Has(Verdicts, verdict) && Has(Categories, category)
        && Has(Lines, line);

    /// <summary>The authorities of <see cref="CaFile"/>; null: those of the system.</summary>
    internal X509Certificate2Collection? Authorities()
    {
        if (CaFile is null) return null;
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(CaFile);
        return authorities;
    }

    /// <param name="path">Null: there are no destinations.</param>
    /// <exception cref="SpadeException">NotFound: no such file. InvalidArgument: an unknown, missing or unsafe setting.</exception>
    public static IReadOnlyList<Destination> ReadFile(string? path)
    {
        if (path is null) return [];
        var json = new JsonSerializerOptions();
        ServerJson.ConfigureRequests(json);
        try
        {
            using var file = File.OpenRead(path);
            var all = JsonSerializer.Deserialize<List<Destination>>(file, json)!;
            foreach (var destination in all) destination.Check();
            if (all.GroupBy(d => d.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw Invalid($"two destinations are called '{twice.Key}'");
            return all;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.NotFound, $"deliveries: {e.Message}", e);
        }
        catch (JsonException e)
        {
            throw Invalid($"'{path}' is not a list of destinations such as [{{\"name\": \"mes\", \"url\": "
                + $"\"https://mes.example/spade\", \"secret_file\": \"mes.secret\"}}]: {e.Message}");
        }
        catch (SpadeException e)
        {
            throw new SpadeException(e.Error, $"deliveries, '{path}': {e.Message}", e);
        }
    }

    private void Check()
    {
        CategoryName.Check(Name);
        if (!Uri.TryCreate(Url, UriKind.Absolute, out var url) || url.Host.Length == 0
            || url.Scheme is not ("https" or "http" or "mqtts" or "mqtt"))
            throw Wrong("'url' is https://... of a webhook, or mqtts://HOST:PORT of a broker");
        if (url.UserInfo.Length > 0) throw Wrong("'url' must not hold a password; use 'secret_file', or 'user' and 'password_file'");
        if (!IsEncrypted && !Insecure && !url.IsLoopback)
            throw Wrong($"'{url.Scheme}' sends decisions without encryption; use {url.Scheme}s, or set 'insecure' if the network is "
                + "trusted");
        if (IsBroker ? SecretFile is not null : (User ?? PasswordFile) is not null)
            throw Wrong("webhooks have 'secret_file', brokers have 'user' and 'password_file'");
        if (IsBroker && (Topic.Length is 0 or > 256 || Topic.Any(c => c is '#' or '+' or '$' || char.IsControl(c))))
            throw Wrong("'topic' is a name without wildcards, such as plant7/spade");
        if (!IsBroker) WebhookSignature.ReadSecrets(this);
        if (IsBroker && PasswordFile is not null) File.ReadAllText(PasswordFile);
        Authorities();
        if (Verdicts?.FirstOrDefault(v => v is not ("good" or "review" or "defect")) is { } verdict)
            throw Wrong($"'verdicts' has '{verdict}'; the verdicts are good, review and defect");
        if (PerSecond is <= 0 or > 10_000) throw Wrong("'per_second' is more than 0 and at most 10000");
        if (GiveUpHours is not (> 0 and <= 720)) throw Wrong("'give_up_hours' is more than 0 and at most 720");
        if (MaxWaiting is < 1 or > 10_000_000) throw Wrong("'max_waiting' is 1 to 10000000");
    }

    internal SpadeException Wrong(string message) => Invalid($"destination '{Name}': {message}");

    private static bool Has(IReadOnlyList<string>? wanted, string? value) =>
        wanted is null || wanted.Contains(value, StringComparer.Ordinal);

    private static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
