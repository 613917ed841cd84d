using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>POST /v1/galleries/{category}/images: answers with a line of JSON for each image, once it is durable, then the
/// version.</summary>
internal static class AddImagesEndpoint
{
    public static async Task PostAsync(
        string category, HttpContext context, AdmissionControl admission, Recalibration recalibration, ServerOptions options,
        CancellationToken cancellation,
        bool calibrate = true, double? alpha = null, string? reason = null, string? copies = null)
    {
        context.User.Require(CategoryName.Check(category));
        if (reason is not null) reason = GalleryEndpoints.Reason(reason);
        Copies? asked = copies is null ? null : CopyExtensions.Parse(copies);
        using var place = admission.Admit(context.Request, options);
        IReadOnlyList<SentImage> images = await SentImage.ReadAsync(context.Request, options.MaxBatch, cancellation);
        var lines = Channel.CreateUnbounded<object>();
        // A change continues if the client disconnects.
        var work = Task.Run(() => AddAsync(CancellationToken.None), CancellationToken.None);
        try
        {
            await foreach (object line in lines.Reader.ReadAllAsync(cancellation))
            {
                if (!context.Response.HasStarted) context.Response.ContentType = "application/x-ndjson";
                await context.Response.WriteAsync(JsonSerializer.Serialize(line, line.GetType(), ServerJson.Options) + "\n", cancellation);
                await context.Response.Body.FlushAsync(cancellation);
            }
        }
        catch (SpadeException e) when (context.Response.HasStarted)
        {
            await context.Response.WriteAsync(JsonSerializer.Serialize(new ErrorLine(e.Message), ServerJson.Options) + "\n", cancellation);
        }
        finally
        {
            await work;
        }

        async Task AddAsync(CancellationToken stop)
        {
            try
            {
                var sizes = await PhotographSizes.ReadAsync([.. images.Select(i => i.Source)], stop);
                var (after, added) = await recalibration.AddAsync(new Addition(category, context.User.CallerName(), reason, calibrate,
                    alpha, new NewCategory(sizes, asked)), images.Select(i => i.Source).ToAsyncEnumerable(),
                    new InlineProgress<AddOutcome>(o =>
                        lines.Writer.TryWrite(new AddLine(o.Source, o.Id?.ToString(), o.Status, o.Problem))), Added,
                    new InlineProgress<(int Done, int Of)>(p => lines.Writer.TryWrite(new CalibrateLine(p.Done, p.Of))), stop);
                lines.Writer.TryWrite(new AddedLine(category, after?.Version, added, after?.Images.Count ?? 0,
                    after?.Calibration is not null, after?.Calibration?.Theta));
                lines.Writer.Complete();
            }
            catch (Exception e)
            {
                lines.Writer.Complete(e);
            }
        }

        void Added()
        {
            // Learning thresholds takes minutes and may have to wait; the photographs are no longer needed for it.
            images = [];
            place.Dispose();
        }
    }
}
