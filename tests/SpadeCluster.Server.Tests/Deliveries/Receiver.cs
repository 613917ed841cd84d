using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>A delivery as a webhook got it.</summary>
internal sealed record Received(string Id, string Timestamp, string Signature, string? ContentType, byte[] Body)
{
    public JsonElement Event => JsonSerializer.Deserialize<JsonElement>(Body);

    public JsonElement Decision => Event.GetProperty("data");

    public long Number => Decision.GetProperty("id").GetInt64();
}

/// <summary>A webhook in this process.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<Received> _all = Channel.CreateUnbounded<Received>();

    private Receiver(Func<Received, int> answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            string Header(string name) => context.Request.Headers[name].ToString();
            var received = new Received(Header("webhook-id"), Header("webhook-timestamp"), Header("webhook-signature"),
                context.Request.ContentType, body.ToArray());
            context.Response.StatusCode = answer(received);
            if (context.Response.StatusCode == StatusCodes.Status307TemporaryRedirect) context.Response.Headers.Location = "/elsewhere";
            await _all.Writer.WriteAsync(received);
        });
    }

    public string Address => _app.Urls.Single();

    /// <param name="answer">The status for a delivery.</param>
    public static async Task<Receiver> StartAsync(Func<Received, int> answer)
    {
        var receiver = new Receiver(answer);
        await receiver._app.StartAsync();
        return receiver;
    }

    public async Task<Received> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return await _all.Reader.ReadAsync(limit.Token);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
