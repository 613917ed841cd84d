using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace SpadeCluster.Client;

/// <summary>The gateways of a client, and the repetition of calls on them. Every call of the contract may be repeated.</summary>
internal sealed class Gateways : IDisposable
{
    private readonly SpadeClientOptions _options;
    private readonly TimeProvider _clock;
    private readonly GrpcChannel[] _channels;
    private readonly CallInvoker[] _invokers;
    private int _preferred;

    public Gateways(SpadeClientOptions options, TimeProvider clock)
    {
        if (options.Addresses.Count == 0)
            throw new SpadeException(SpadeError.InvalidArgument, "a client needs the address of a gateway, such as http://localhost:5000");
        (_options, _clock) = (options, clock);
        _channels = [.. options.Addresses.Select(Connect)];
        _invokers = [.. _channels.Select(c => c.Intercept(WithHeaders))];
    }

    /// <summary>Runs a call until it succeeds, fails for good, or the deadline passes.</summary>
    /// <exception cref="SpadeException">The call's failure, or Unavailable: the deadline passed.</exception>
    public Task<T> CallAsync<T>(Func<CallInvoker, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
        => FollowAsync((gateway, limit) => call(gateway, limit.Token), cancellationToken);

    /// <summary>The same for long calls, which restart their limit themselves.</summary>
    public async Task<T> FollowAsync<T>(Func<CallInvoker, CallLimit, Task<T>> call, CancellationToken cancellationToken)
    {
        using var limit = new CallLimit(_options.Deadline, _clock, cancellationToken);
        var wait = _options.FirstWait;
        while (true)
        {
            int at = _preferred;
            SpadeException last;
            try
            {
                return await call(_invokers[at], limit);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(null, e, cancellationToken);
            }
            catch (Exception e) when (e is RpcException { StatusCode: StatusCode.DeadlineExceeded }
                || (e is RpcException or OperationCanceledException && limit.HasPassed))
            {
                throw new SpadeException(SpadeError.Unavailable,
                    $"the gateway at {_channels[at].Target} did not answer within the deadline of "
                    + $"{_options.Deadline.TotalSeconds:0.###} s ({nameof(SpadeClientOptions)}.{nameof(SpadeClientOptions.Deadline)}); "
                    + $"allow more time, or find out what keeps it busy", e);
            }
            catch (RpcException e)
            {
                last = Mapping.ToException(e);
                // A failure on this side, not a server's answer: its message does not name the address.
                if (e is { StatusCode: StatusCode.Unavailable, Status.DebugException: { } cause })
                    last = new SpadeException(SpadeError.Unavailable,
                        $"the gateway at {_channels[at].Target} cannot be reached ({cause.GetBaseException().Message}): is it running, "
                        + $"and is this its gRPC address?", e);
                if (!IsTransient(e, last)) throw last;
                // Lost, not only busy: use the next gateway from now on.
                if (e.StatusCode != StatusCode.ResourceExhausted)
                    Interlocked.CompareExchange(ref _preferred, (at + 1) % _channels.Length, at);
            }
            catch (SpadeException e) when (e.RetryAfter is not null || e.Error == SpadeError.Unavailable)
            {
                last = e;
            }
            try
            {
                await Task.Delay(last.RetryAfter is { } hint
                    ? hint + wait * Random.Shared.NextDouble() : wait / 2 + wait / 2 * Random.Shared.NextDouble(), _clock, limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw last;
            }
            wait = wait * 2 < _options.LongestWait ? wait * 2 : _options.LongestWait;
        }
    }

    public void Dispose()
    {
        foreach (var channel in _channels) channel.Dispose();
    }

    /// <summary>Whether a repeated call may succeed: the server gave a time, was not reached, or was lost during the call.</summary>
    private static bool IsTransient(RpcException e, SpadeException translated)
        => e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled or StatusCode.Unknown
        || translated.RetryAfter is not null;

    private Metadata WithHeaders(Metadata metadata)
    {
        foreach (var (name, value) in _options.Headers) metadata.Add(name, value);
        return metadata;
    }

    private GrpcChannel Connect(Uri address)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            // A gateway whose host is lost closes nothing: without an answer to a ping within these 6 s it is given up.
            KeepAlivePingDelay = TimeSpan.FromSeconds(3),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(3),
        };
        _options.ConfigureHandler?.Invoke(handler);
        // No limits here, because images may be large; the server has its own.
        return GrpcChannel.ForAddress(address,
            new GrpcChannelOptions
            {
                MaxReceiveMessageSize = null,
                MaxSendMessageSize = null,
                HttpHandler = handler,
                DisposeHttpClient = true
            });
    }
}
