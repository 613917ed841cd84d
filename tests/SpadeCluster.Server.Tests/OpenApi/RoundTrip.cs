// Not compiled with the tests: a test compiles it with the client that NSwag generates from /v1/openapi.json.
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Threading.Tasks;
using Generated;

public static class RoundTrip
{
    /// <summary>What a program of a line does with a server.</summary>
    /// <param name="http">With the server's address and an operator's key.</param>
    public static async Task<Dictionary<string, string>> RunAsync(HttpClient http, byte[] photograph)
    {
        var client = new SpadeHttpClient(http);
        var found = new Dictionary<string, string>();
        Decision decision = await client.ScoreAsync("discs", line: "generated", serial_number: "4711",
            image: new FileParameter(new MemoryStream(photograph), "part.png", "image/png"));
        found["verdict"] = decision.Score.Verdict;
        found["score"] = decision.Score.Pred_score.Value.ToString("R", CultureInfo.InvariantCulture);
        PhotoBox box = decision.Score.Regions.First().Box;
        found["box"] = $"{box.X / 10},{box.Y / 10}";

        Decision kept = await client.GetResultAsync(decision.Id);
        found["kept"] = $"{kept.Digest == decision.Digest} {kept.Serial_number}";
        found["results"] = $"{(await client.ListResultsAsync(line: "generated", verdict: "defect")).Single().Id == decision.Id}";
        using (FileResponse map = await client.GetResultMapAsync(decision.Id))
        {
            var bytes = new MemoryStream();
            await map.Stream.CopyToAsync(bytes);
            found["map"] = $"{map.Headers["X-Width"].Single()}x{map.Headers["X-Height"].Single()} {bytes.Length}";
        }
        using (FileResponse image = await client.GetResultImageAsync(decision.Id))
        {
            var bytes = new MemoryStream();
            await image.Stream.CopyToAsync(bytes);
            found["image"] = $"{bytes.ToArray().SequenceEqual(photograph)}";
        }
        Feedback feedback = await client.GiveFeedbackAsync(decision.Id, new FeedbackRequest { Kind = FeedbackKind.Defect });
        found["feedback"] = $"{feedback.Kind} {feedback.Status}";

        found["galleries"] = string.Join(",", (await client.ListGalleriesAsync()).Select(g => $"{g.Category} {g.Images}"));
        found["history"] = string.Join(",", (await client.GetGalleryHistoryAsync("discs")).Select(v => v.Version));
        found["ready"] = $"{(await client.GetReadyAsync()).Status} {(await client.ModelReadyAsync("discs")).Ready}";

        try
        {
            await client.GetGalleryAsync("none");
        }
        catch (ApiException<Problem> e)
        {
            found["problem"] = $"{e.StatusCode} {e.Result.Status} {e.Result.Title}: {e.Result.Detail} ({e.Result.Request_id.Length})";
        }
        try
        {
            await client.ModelMetadataAsync("none");
        }
        catch (ApiException<InferenceProblem> e)
        {
            found["inference problem"] = $"{e.StatusCode} {e.Result.Error}";
        }
        return found;
    }
}
