using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace SpadeCluster.Server.Deliveries;

/// <summary>Posts events to a webhook, with the headers of the Standard Webhooks specification.</summary>
internal sealed class WebhookSender : ISender
{
    /// <summary>Time for a receiver's answer.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(15);

    private readonly Uri _address;
    private readonly IReadOnlyList<byte[]> _secrets;
    private readonly HttpClient _client;
    private readonly TimeProvider _clock;

    public WebhookSender(Destination destination, TimeProvider clock)
    {
        (_address, _secrets, _clock) = (destination.Address, WebhookSignature.ReadSecrets(destination), clock);
        var tls = new SslClientAuthenticationOptions();
        if (destination.Authorities() is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck
            };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }
        // No redirects: a receiver must not be able to send this server's requests elsewhere.
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            SslOptions = tls,
        })
        { Timeout = AnswerTime };
    }

    public async Task SendAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        long seconds = _clock.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _address)
        {
            Content = new ByteArrayContent(delivery.Body) { Headers = { ContentType = new MediaTypeHeaderValue(DecisionEvent.MediaType) } },
        };
        request.Headers.Add("webhook-id", delivery.Id);
        request.Headers.Add("webhook-timestamp", seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", WebhookSignature.Sign(_secrets, delivery.Id, seconds, delivery.Body));
        try
        {
            using var answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (answer.IsSuccessStatusCode) return;
            var wait = answer.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - _clock.GetUtcNow() : null;
            throw new DeliveryException($"the receiver answered {(int)answer.StatusCode}", IsRefusal(answer.StatusCode), wait);
        }
        catch (HttpRequestException e)
        {
            throw new DeliveryException(e.Message, inner: e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new DeliveryException($"no answer within {AnswerTime.TotalSeconds:0} seconds", inner: e);
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Whether the event is the reason. All other statuses may pass: a receiver that is busy, moved or not yet set up.</summary>
    private static bool IsRefusal(HttpStatusCode status) => status is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge
        or HttpStatusCode.UnsupportedMediaType or HttpStatusCode.UnprocessableEntity;
}
