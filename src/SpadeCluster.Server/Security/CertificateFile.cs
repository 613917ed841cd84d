using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace SpadeCluster.Server.Security;

/// <summary>
/// A certificate and its private key in PEM files, which are read again when they change, without a restart. Safe for concurrent calls.
/// </summary>
public sealed partial class CertificateFile
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private readonly string _certificate;
    private readonly string? _key;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private byte[] _content;
    private SslStreamCertificateContext _current;
    private long _checked;

    /// <param name="certificate">The server's certificate first, then the intermediate certificates, which clients with only the root
    /// need.</param>
    /// <param name="key">Its private key; null: in the same file.</param>
    /// <exception cref="SpadeException">InvalidArgument: the files are not a certificate with its key.</exception>
    public CertificateFile(string certificate, string? key, TimeProvider? clock = null, ILogger? logger = null)
    {
        (_certificate, _key, _clock, _logger) = (certificate, key, clock ?? TimeProvider.System, logger ?? NullLogger.Instance);
        try
        {
            (_content, _current, _checked) = (Content(), Read(), _clock.GetTimestamp());
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{certificate}'{(key is null ? "" : $" and '{key}'")} cannot be used as a certificate with its private key: {e.Message}",
                e);
        }
    }

    /// <summary>The present certificate with the intermediate ones. The files are checked at most once a second; if they cannot be used,
    /// for example during a replacement, the previous certificate is kept.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_gate)
            {
                if (_clock.GetElapsedTime(_checked) < CheckInterval) return _current;
                _checked = _clock.GetTimestamp();
                try
                {
                    // Compared by content: times are not reliable if a folder is replaced as a whole, as in Kubernetes.
                    byte[] content = Content();
                    if (content.AsSpan().SequenceEqual(_content)) return _current;
                    (_current, _content) = (Read(), content);
                    LogReplaced(_certificate, _current.TargetCertificate.NotAfter.ToUniversalTime());
                }
                catch (Exception e) when (IsUnusable(e))
                {
                    LogUnusable(e, _certificate);
                }
                return _current;
            }
        }
    }

    private static bool IsUnusable(Exception e) =>
        e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private byte[] Content() => [.. File.ReadAllBytes(_certificate), .. _key is null ? [] : File.ReadAllBytes(_key)];

    private SslStreamCertificateContext Read()
    {
        var own = X509Certificate2.CreateFromPemFile(_certificate, _key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificate);
        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(own, chain, offline: true);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "'{File}' was replaced; the new certificate is valid until {End:u}")]
    private partial void LogReplaced(string file, DateTime end);

    [LoggerMessage(Level = LogLevel.Warning, Message = "'{File}' changed and cannot be used; the previous certificate is kept")]
    private partial void LogUnusable(Exception exception, string file);
}
