using Microsoft.Playwright;

namespace SpadeCluster.Server.Tests;

/// <summary>A person's steps through the console, in a real browser.</summary>
public sealed class ConsoleTests(ServerFixture server) : BrowserTests, IClassFixture<ServerFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task An_operator_looks_at_a_defect_and_confirms_it()
    {
        var page = await SignInAsync(server.Operator);
        await Expect(page, "#connection", "connected");
        // A part is scored while the page is open.
        using var client = server.Client(server.Operator);
        await client.PostAsync("/v1/score?category=discs&line=browser", ServerFixture.Image(Part.Defective(31)));
        var line = page.Locator("[data-line=browser]");
        await line.Locator(".verdict.defect").WaitForAsync();
        await ShotAsync(page, "live");

        await line.Locator(".card").First.ClickAsync();
        // The page explains the highest pixel without a click; then another pixel is clicked.
        await page.Locator("#pair").WaitForAsync();
        var box = (await page.Locator("#view").BoundingBoxAsync())!;
        Assert.Equal("0 0 96 96", await page.Locator("#view").GetAttributeAsync("viewBox"));
        await page.Locator("#view").ClickAsync(new() { Position = new() { X = box.Width * 66 / 96, Y = box.Height * 50 / 96 } });
        await Expect(page, "#match-text", "Pixel 154, 117: nearest in good-");
        foreach (string picture in new[] { "#input", "#map", "#normal-picture image", "#patch-normal image" })
            Assert.True(await page.Locator(picture).First.EvaluateAsync<bool>(Decodes), picture);
        await page.Locator("#view").PressAsync("ArrowRight");
        await Expect(page, "#match-text", "Pixel 158, 117");
        await page.Locator("#opacity").FillAsync("20");
        Assert.Equal("0.2", await page.Locator("#map").EvaluateAsync<string>("m => m.style.opacity"));
        await ShotAsync(page, "decision");

        await page.Locator("[data-feedback=defect]").ClickAsync();
        await Expect(page, "#feedback", "Defect by operator");
        await page.Locator("[data-undo]").ClickAsync();
        await Expect(page, "#feedback", "taken back by operator");
        // An operator may not change a gallery.
        await page.GotoAsync("/galleries/discs");
        Assert.Equal(0, await page.Locator("#drop, [data-retire], #calibrate").CountAsync());
    }

    [ChromiumFact]
    public async Task An_engineer_adds_a_normal_tries_thresholds_and_rolls_back()
    {
        var page = await SignInAsync(server.Engineer);
        using var client = server.Client(server.Operator);
        for (int i = 0; i < 3; i++) await client.PostAsync("/v1/score?category=other", ServerFixture.Image(Part.Defective(60 + i)));
        await page.GotoAsync("/galleries/other");
        Assert.Equal(3, await page.Locator("#normals figure").CountAsync());
        Assert.True(await page.Locator("#normals img").First.EvaluateAsync<bool>("async i => { await i.decode(); return i.naturalWidth "
            + "> 0 }"));
        await Expect(page, "#try-defects", "3");
        await page.Locator("#theta").FillAsync("1000");
        await Expect(page, "#try-defects", "0");
        Assert.Equal(3, await page.Locator("#changed li").CountAsync());
        await ShotAsync(page, "category");

        await page.Locator("#files")
            .SetInputFilesAsync(new FilePayload { Name = "new.png", MimeType = "image/png", Buffer = Part.Good(70) });
        await page.Locator("#normals figure >> nth=3").WaitForAsync();
        await Expect(page, ".head p", "learn thresholds");
        page.Dialog += (_, dialog) => dialog.AcceptAsync("tried it");
        await page.Locator("[data-rollback='2']").ClickAsync();
        await page.Locator("#normals figure >> nth=3").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        await Expect(page, ".head p", "roll back to version 2: tried it");
        await page.GotoAsync("/audit");
        await Expect(page, "main", "roll back");
        await page.GotoAsync("/system");
        await Expect(page, "main", "decisions a second");
        await ShotAsync(page, "system");
    }

    [ChromiumFact]
    public async Task Many_photographs_are_sent_in_parts_and_calibrated_once()
    {
        var page = await SignInAsync(server.Engineer);
        var sent = new List<string>();
        page.Request += (_, request) => { if (request.Method == "POST") lock (sent) sent.Add(new Uri(request.Url).PathAndQuery); };
        await page.GotoAsync("/galleries/many");
        await page.Locator("#files")
            .SetInputFilesAsync(Enumerable.Range(0, 18)
                .Select(i => new FilePayload { Name = $"n{i}.png", MimeType = "image/png", Buffer = Part.Good(300 + i) }));
        await page.Locator("#normals figure >> nth=17").WaitForAsync();
        await Expect(page, ".head p", "learn thresholds for");
        Assert.Equal(["/v1/galleries/many/images?calibrate=false", "/v1/galleries/many/images?calibrate=true"], sent);
    }

    [ChromiumFact]
    public async Task An_engineer_makes_a_key_sees_its_use_and_its_end_and_revokes_it()
    {
        var page = await SignInAsync(server.Engineer);
        await page.Locator("nav >> text=Keys").ClickAsync();
        await page.Locator("[name=name]").FillAsync("line 9");
        await page.Locator("[name=role]").SelectOptionAsync("operator");
        await page.Locator("[name=categories]").FillAsync("discs");
        await page.Locator("[name=days]").FillAsync("30");
        await page.Locator("#key-new button").ClickAsync();
        await Expect(page, "#key-made", "not shown again");
        string key = await page.Locator("#key-made code").InnerTextAsync();
        await ShotAsync(page, "key-made");
        await page.ReloadAsync();
        var row = page.Locator("tbody tr", new() { HasText = "line 9" });
        await Assertions.Expect(row).ToContainTextAsync("never");

        using var client = server.Client(key);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await client.GetAsync("/v1/galleries/discs")).StatusCode);
        // The note of its use is written behind the answer; a write that waits behind it comes after it.
        await server.App.Service<Storage.ServerDatabase>().WriteAsync(_ => { });
        await page.ReloadAsync();
        await Assertions.Expect(row).ToContainTextAsync("until");
        await Assertions.Expect(row).Not.ToContainTextAsync("never");
        Assert.DoesNotContain(key, await page.ContentAsync(), StringComparison.Ordinal);
        await ShotsAsync(page, "keys");
        await row.Locator("[data-revoke]").ClickAsync();
        await Assertions.Expect(row).ToContainTextAsync("revoked");
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/galleries/discs")).StatusCode);
        Assert.Equal(403, (await (await SignInAsync(server.Operator)).GotoAsync("/keys"))!.Status);
    }

    [ChromiumFact]
    public async Task An_engineer_creates_renames_deletes_restores_and_imports_a_category()
    {
        var page = await SignInAsync(server.Engineer);
        await page.GotoAsync("/galleries");
        await page.Locator("#create [name=name]").FillAsync("washer");
        await page.Locator("#create [name=photographs]").SetInputFilesAsync(Enumerable.Range(0, 4).Select(i =>
            new FilePayload { Name = $"good-{i}.png", MimeType = "image/png", Buffer = Part.Good(400 + i) }));
        await page.Locator("#create button").ClickAsync();
        await page.WaitForURLAsync("**/galleries/washer", new() { WaitUntil = WaitUntilState.Commit });
        await page.Locator("#normals figure >> nth=3").WaitForAsync();
        var download = await page.RunAndWaitForDownloadAsync(() => page.Locator("text=Download a snapshot").ClickAsync());

        // With the keyboard only.
        await page.Locator("#rename [name=name]").FillAsync("ring");
        await page.Locator("#rename [name=reason]").FillAsync("its real name");
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForURLAsync("**/galleries/ring", new() { WaitUntil = WaitUntilState.Commit });
        await Expect(page, ".head p", "rename from washer: its real name");
        await page.GotoAsync("/galleries/washer");
        await Expect(page, "main", "category 'washer' has been renamed to 'ring'");

        await page.GotoAsync("/galleries/ring");
        var delete = page.Locator("#delete button");
        await Assertions.Expect(delete).ToBeDisabledAsync();
        await page.Locator("#delete [name=name]").FillAsync("rin");
        await Assertions.Expect(delete).ToBeDisabledAsync();
        await page.Locator("#delete [name=name]").FillAsync("ring");
        await page.Locator("#delete [name=reason]").FillAsync("line 4 is closed");
        await ShotsAsync(page, "category-delete");
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForURLAsync("**/galleries", new() { WaitUntil = WaitUntilState.Commit });
        var row = page.Locator("#deleted tr", new() { HasText = "ring" });
        await Assertions.Expect(row).ToContainTextAsync("6 days left");
        await Assertions.Expect(row).ToContainTextAsync("delete: line 4 is closed");
        Assert.Equal(0, await page.Locator(".tile", new() { HasText = "ring" }).CountAsync());
        await ShotsAsync(page, "categories-deleted");
        await page.GotoAsync("/galleries/ring");
        await Expect(page, "main", "can be restored until");
        await ShotsAsync(page, "category-deleted");
        page.Dialog += (_, dialog) => dialog.AcceptAsync("open again");
        await page.Locator("[data-undelete=ring]").ClickAsync();
        await page.Locator("#normals figure >> nth=3").WaitForAsync();
        await Expect(page, ".head p", "undelete: open again");

        // The name 'washer' is free again; the page takes it from the file's name.
        await page.GotoAsync("/galleries");
        await page.Locator("#import [name=snapshot]").SetInputFilesAsync(new FilePayload
        {
            Name = download.SuggestedFilename,
            MimeType = "application/x-tar",
            Buffer = await File.ReadAllBytesAsync(await download.PathAsync()),
        });
        Assert.Equal("washer", await page.Locator("#import [name=name]").InputValueAsync());
        await page.Locator("#import [name=name]").FillAsync("ring");
        await page.Locator("#import button").ClickAsync();
        await Expect(page, "#message", "the snapshot has category 'washer', not 'ring'");
        await page.Locator("#import [name=name]").FillAsync("washer");
        await page.Locator("#import button").ClickAsync();
        await page.WaitForURLAsync("**/galleries/washer", new() { WaitUntil = WaitUntilState.Commit });
        await Expect(page, ".head p", "import a snapshot");
    }

    [ChromiumFact]
    public async Task A_viewer_sees_every_page_and_no_button_that_changes_anything()
    {
        var page = await SignInAsync(server.Viewer);
        foreach (string address in new[] { "/", "/results", $"/results/{server.Decision}", "/galleries", "/galleries/discs", "/system" })
        {
            var answer = await page.GotoAsync(address);
            Assert.Equal(200, answer!.Status);
            Assert.Equal(0, await page.Locator("[data-feedback], [data-undo], [data-approve], [data-accept], [data-retire], "
                + "[data-rollback], [data-undelete], #drop, #calibrate, #create, #import, #rename, #delete")
                .CountAsync());
            // Nothing is wider than the page, also on a phone.
            await ShotsAsync(page, $"viewer{address.Replace('/', '-')}");
        }
        Assert.Equal(403, (await page.GotoAsync("/audit"))!.Status);
        Assert.Equal(404, (await page.GotoAsync("/results/999999"))!.Status);
        await page.GotoAsync("/");
        await page.Locator("text=Sign out").ClickAsync();
        await page.WaitForURLAsync("**/sign-in", new() { WaitUntil = WaitUntilState.Commit });
        await page.GotoAsync("/galleries");
        Assert.Contains("/sign-in", page.Url, StringComparison.Ordinal);
    }

    [ChromiumFact]
    public async Task A_wrong_key_is_told_so_and_no_link_leads_away()
    {
        var page = await NewPageAsync();
        await page.GotoAsync("/sign-in?to=//evil.example/");
        await page.Locator("[name=key]").FillAsync("spade_wrong");
        await page.Locator("main button").ClickAsync();
        await Expect(page, "[role=alert]", "unknown, expired or revoked");
        await page.GotoAsync("/sign-in?to=//evil.example/");
        await page.Locator("[name=key]").FillAsync(server.Viewer);
        await page.Locator("main button").ClickAsync();
        await page.WaitForURLAsync(server.Address + "/", new() { WaitUntil = WaitUntilState.Commit });
    }
}
