using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>Batches made ahead of time by several workers, given in their order.</summary>
internal static class Prefetch
{
    /// <summary>
    /// The results of functions, in order. At most <paramref name="workers"/> run at once, and no more than
    /// <paramref name="ahead"/> are made before they are asked for. An error comes where its result would have.
    /// </summary>
    public static IEnumerable<Batch> Run(IEnumerable<Func<Batch>> makers, int workers, int ahead)
    {
        using var places = new SemaphoreSlim(workers);
        using var stop = new CancellationTokenSource();
        var pending = new Queue<Task<Batch>>();

        Task<Batch> Start(Func<Batch> make) => Task.Run(
            async () =>
            {
                await places.WaitAsync(stop.Token).ConfigureAwait(false);

                try
                {
                    var batch = make();
                    // A pending value would be computed by whoever takes it.
                    Fs.Evaluate([.. batch.Inputs.Select(x => x.Inner), .. batch.Targets.Select(y => y.Inner)]);
                    return batch;
                }
                finally
                {
                    places.Release();
                }
            },
            stop.Token);

        try
        {
            foreach (var make in makers)
            {
                pending.Enqueue(Start(make));

                if (pending.Count >= ahead)
                {
                    yield return pending.Dequeue().GetAwaiter().GetResult();
                }
            }

            while (pending.TryDequeue(out var next))
            {
                yield return next.GetAwaiter().GetResult();
            }
        }
        finally
        {
            // Left early: those that have not begun never do, and nothing outlives the pass.
            stop.Cancel();
            Task.WhenAll(pending).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        }
    }
}
