using Grpc.Core;
using Grpc.Net.Client;

namespace SpadeCluster.Client;

/// <summary>The gateways a client knows, and the retry of calls on them. Every call of the contract may be repeated.</summary>
internal sealed class Gateways : IDisposable
{
    private readonly SpadeClientOptions _options;
    private readonly TimeProvider _clock;
    private readonly GrpcChannel[] _channels;
    private int _preferred;

    public Gateways(SpadeClientOptions options, TimeProvider clock, Func<Uri, GrpcChannel>? connect = null)
    {
        if (options.Addresses.Count == 0) throw new SpadeException(SpadeError.InvalidArgument, "a client needs the address of a gateway, such as http://localhost:5000");
        (_options, _clock) = (options, clock);
        _channels = [.. options.Addresses.Select(connect ?? Connect)];
    }

    /// <summary>Runs a call until it succeeds, fails for good, or the deadline passes.</summary>
    public Task<T> CallAsync<T>(Func<ChannelBase, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
        => CallAsync((channel, limit, _) => call(channel, limit), cancellationToken);

    /// <summary>The same for long calls, which report progress: the deadline counts from the last one.</summary>
    public async Task<T> CallAsync<T>(Func<ChannelBase, CancellationToken, Action, Task<T>> call, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_options.Deadline, _clock);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        var wait = _options.FirstWait;
        while (true)
        {
            int at = _preferred;
            SpadeException last;
            try
            {
                return await call(_channels[at], limit.Token, () => deadline.CancelAfter(_options.Deadline));
            }
            catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
            {
                last = Mapping.ToException(e);
                // Our own side's failure, not a server's answer: its words say nothing of where.
                if (e is { StatusCode: StatusCode.Unavailable, Status.DebugException: { } cause })
                    last = new SpadeException(SpadeError.Unavailable, $"the gateway at {_channels[at].Target} cannot be reached ({cause.GetBaseException().Message}): is it running, and is this its gRPC address?", e);
                if (!IsTransient(e, last)) throw last;
                // Lost, not merely busy: try the next gateway from now on.
                if (e.StatusCode != StatusCode.ResourceExhausted) Interlocked.CompareExchange(ref _preferred, (at + 1) % _channels.Length, at);
            }
            catch (RpcException)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (SpadeException e) when (e.RetryAfter is not null || e.Error == SpadeError.Unavailable)
            {
                last = e;
            }
            try
            {
                await Task.Delay(last.RetryAfter is { } hint ? hint + wait * Random.Shared.NextDouble() : wait / 2 + wait / 2 * Random.Shared.NextDouble(), _clock, limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw last;
            }
            wait = wait * 2 < _options.LongestWait ? wait * 2 : _options.LongestWait;
        }
    }

    public ChannelBase Preferred => _channels[_preferred];

    public void Dispose()
    {
        foreach (var channel in _channels) channel.Dispose();
    }

    /// <summary>Whether the same call may succeed: the server says when, or could not be reached, or went away in the middle.</summary>
    private static bool IsTransient(RpcException e, SpadeException translated)
        => e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled or StatusCode.Unknown || translated.RetryAfter is not null;

    private static GrpcChannel Connect(Uri address) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        // Images may come and go in large messages; the server has its own limits.
        MaxReceiveMessageSize = null,
        MaxSendMessageSize = null,
        HttpHandler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            KeepAlivePingDelay = TimeSpan.FromSeconds(10),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
        },
    });
}
