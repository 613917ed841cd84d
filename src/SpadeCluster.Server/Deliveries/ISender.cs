namespace SpadeCluster.Server.Deliveries;

/// <summary>An event on its way to a destination.</summary>
internal sealed record Delivery(string Id, string Line, string Category, byte[] Body);

/// <summary>Sends to one destination.</summary>
internal interface ISender : IAsyncDisposable
{
    /// <summary>Returns when the receiver has acknowledged the event.</summary>
    /// <exception cref="DeliveryException">It has not.</exception>
    Task SendAsync(Delivery delivery, CancellationToken cancellationToken);

    static ISender Of(Destination destination, TimeProvider clock) =>
        destination.IsBroker ? new MqttSender(destination) : new WebhookSender(destination, clock);
}

/// <summary>A receiver has not acknowledged an event.</summary>
/// <param name="message">Why, without addresses and secrets.</param>
/// <param name="refused">Whether it refused this event itself, so that another one may succeed.</param>
/// <param name="retryAfter">The time it wants to be left alone.</param>
internal sealed class DeliveryException(string message, bool refused = false, TimeSpan? retryAfter = null, Exception? inner = null)
    : Exception(message, inner)
{
    public bool Refused => refused;

    public TimeSpan? RetryAfter => retryAfter;
}
