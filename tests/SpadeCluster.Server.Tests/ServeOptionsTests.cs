using System.Net;

namespace SpadeCluster.Server.Tests;

public sealed class ServeOptionsTests(OpenServerFixture server) : IClassFixture<OpenServerFixture>
{
    [Fact]
    public async Task Limits_and_memory_are_set_on_the_command_line()
    {
        var (process, url) = await ServerProcess.StartAsync(server.Folder, Path.Combine(server.Folder, "options"),
            ["--max-body-mb", "0.1", "--max-waiting-mb", "1", "--max-batch", "2", "--memory-gb", "0.2"]);
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(url) };
            // A server that refuses a body before it has come may close the connection under it.
            client.DefaultRequestHeaders.ExpectContinue = true;
            Task<HttpResponseMessage> Batch(int images)
            {
                var form = new MultipartFormDataContent();
                for (int i = 0; i < images; i++) form.Add(ServerFixture.Image(Part.Good(i)), "image", $"{i}.png");
                return client.PostAsync("/v1/score/batch?category=discs", form);
            }
            Assert.Equal(HttpStatusCode.OK, (await Batch(2)).StatusCode);
            var many = await Batch(3);
            Assert.Equal(HttpStatusCode.BadRequest, many.StatusCode);
            Assert.Contains("more than 2 photographs", await many.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge,
                (await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(new byte[110_000]))).StatusCode);
            Assert.Equal(HttpStatusCode.BadRequest,
                (await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(new byte[100_000]))).StatusCode);
            Assert.InRange((await ApiTests.Json(await client.GetAsync("/v1/state"))).GetProperty("gallery_memory").GetInt64(), 1,
                100_000_000);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
