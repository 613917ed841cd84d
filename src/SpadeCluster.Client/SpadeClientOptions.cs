namespace SpadeCluster.Client;

/// <summary>Settings of a <see cref="SpadeClient"/>. Must not be changed after a client was created with them.</summary>
public sealed class SpadeClientOptions
{
    /// <summary>Gateways, such as http://gateway:5000. Calls go to the first one that answers.</summary>
    public IList<Uri> Addresses { get; } = [];

    /// <summary>Sent with each call, such as <c>authorization</c> with "Bearer KEY".</summary>
    public IDictionary<string, string> Headers { get; } = new Dictionary<string, string>();

    /// <summary>Configures the connections to each gateway: <c>h.SslOptions.ClientCertificates</c> is for a TLS client's certificate,
    /// <c>h.Proxy</c> a proxy.</summary>
    public Action<SocketsHttpHandler>? ConfigureHandler { get; set; }

    /// <summary>Time for one call with all its retries.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Wait before the first retry. It doubles up to <see cref="LongestWait"/>; a time given by the server replaces it.</summary>
    public TimeSpan FirstWait { get; set; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan LongestWait { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Images of <see cref="SpadeClient.ScoreManyAsync"/> or of a stream in progress at a time.</summary>
    public int Concurrency { get; set; } = 8;

    /// <summary>Images larger than this are sent in chunks.</summary>
    public int ChunkBytes { get; set; } = 1 << 20;

    /// <param name="addresses">host:port, or http://host:port, or https://host:port.</param>
    /// <exception cref="SpadeException">InvalidArgument: one of them is not an address.</exception>
    public static SpadeClientOptions For(params string[] addresses)
    {
        var options = new SpadeClientOptions();
        foreach (string address in addresses)
        {
            string url = address.Contains("://", StringComparison.Ordinal) ? address : "http://" + address;
            if (!Uri.TryCreate(url, UriKind.Absolute, out var uri))
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"'{address}' is not a server address; write host:port or http://host:port");
            options.Addresses.Add(uri);
        }
        return options;
    }
}
