using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace SpadeCluster.Server.Deliveries;

/// <summary>
/// Publishes events to an MQTT 5 broker, quality of service 1, as TOPIC/decisions/LINE/CATEGORY. TOPIC/status/NAME holds "online", and
/// "offline" after the connection ended, also if this process was killed.
/// </summary>
internal sealed class MqttSender : ISender
{
    /// <summary>Time for the broker's answer.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(15);

    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly SemaphoreSlim _connecting = new(1);
    private readonly Destination _destination;
    private readonly MqttClientOptions _options;

    public MqttSender(Destination destination)
    {
        _destination = destination;
        var address = destination.Address;
        int port = address.Port > 0 ? address.Port : destination.IsEncrypted ? 8883 : 1883;
        var options = new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(address.IdnHost, port)
            // The outbox is the memory, so the broker needs none.
            .WithClientId($"spade-{destination.Name}-{Guid.NewGuid():N}"[..Math.Min(80, 39 + destination.Name.Length)]).WithCleanStart()
            .WithTimeout(AnswerTime).WithKeepAlivePeriod(TimeSpan.FromSeconds(15))
            .WithWillTopic(StatusTopic).WithWillPayload("offline").WithWillRetain()
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (destination.User is { } user)
            options.WithCredentials(user, destination.PasswordFile is { } file ? File.ReadAllText(file).Trim() : null);
        if (destination.IsEncrypted)
            options.WithTlsOptions(tls =>
            {
                tls.UseTls().WithTargetHost(address.IdnHost);
                if (destination.Authorities() is { } authorities)
                    tls.WithTrustChain(authorities)
                        .WithRevocationMode(System.Security.Cryptography.X509Certificates.X509RevocationMode.NoCheck);
            });
        _options = options.Build();
    }

    private string StatusTopic => $"{_destination.Topic}/status/{_destination.Name}";

    public async Task SendAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(AnswerTime);
        try
        {
            await ConnectAsync(limit.Token);
            var answer = await _client.PublishAsync(new MqttApplicationMessageBuilder()
                .WithTopic($"{_destination.Topic}/decisions/{delivery.Line}/{delivery.Category}").WithPayload(delivery.Body)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).WithContentType(DecisionEvent.MediaType).Build(),
                limit.Token);
            if (!answer.IsSuccess)
                throw new DeliveryException($"the broker answered {answer.ReasonCode}",
                    answer.ReasonCode is MqttClientPublishReasonCode.TopicNameInvalid or MqttClientPublishReasonCode.PayloadFormatInvalid);
        }
        catch (Exception e) when (e is not DeliveryException && !cancellationToken.IsCancellationRequested)
        {
            // The library has many exceptions for a broker that is absent or refuses.
            throw new DeliveryException(e is OperationCanceledException
                ? $"no answer within {AnswerTime.TotalSeconds:0} seconds" : e.Message,
                inner: e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            if (_client.IsConnected)
            {
                await SayAsync("offline", limit.Token);
                await _client.DisconnectAsync(new MqttClientDisconnectOptions(), limit.Token);
            }
        }
        catch (Exception)
        {
            // The broker is gone; its last will says the same.
        }
        _client.Dispose();
    }

    /// <summary>Connects, unless connected.</summary>
    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        await _connecting.WaitAsync(cancellationToken);
        try
        {
            if (_client.IsConnected) return;
            var answer = await _client.ConnectAsync(_options, cancellationToken);
            if (answer.ResultCode != MqttClientConnectResultCode.Success)
                throw new DeliveryException($"the broker answered {answer.ResultCode} to the connection");
            await SayAsync("online", cancellationToken);
        }
        finally
        {
            _connecting.Release();
        }
    }

    private Task SayAsync(string status, CancellationToken cancellationToken) => _client.PublishAsync(new MqttApplicationMessageBuilder()
        .WithTopic(StatusTopic).WithPayload(status).WithRetainFlag().WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
        .Build(), cancellationToken);
}
