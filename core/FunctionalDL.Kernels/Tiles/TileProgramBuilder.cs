namespace FunctionalDL.Kernels.Tiles;

/// <summary>Checks the parts of a tile loop and prepares them for <see cref="TileProgram"/>.</summary>
internal sealed class TileProgramBuilder
{
    private readonly int[] _dims;
    private readonly Dictionary<int, int> _current = []; // register → value
    private readonly List<byte> _constants = [];
    private readonly Dictionary<int, Stack<long>> _freeHomes = []; // element size → places that are free again
    private long _scratch;

    public TileProgramBuilder(
        int[] dims, TileConstant[] constants, TileScalar[] scalars, TileLoad[] loads, TileInstruction[] code, TileStore[] stores,
        TileFold[] folds, int overread)
    {
        _dims = dims;
        foreach (TileConstant constant in constants)
            Define(constant.Register, NewConstant(constant.Type, constant.Bits));
        foreach (TileScalar scalar in scalars)
        {
            Define(scalar.Register, Add(new Value
            {
                Kind = ValueKind.Scalar,
                Type = scalar.Type,
                Slot = scalar.Slot,
                Offset = scalar.Offset,
            }));
        }

        foreach (TileLoad load in loads)
            Define(load.Register, NewLoad(load));
        foreach (TileInstruction instruction in code)
            AddStep(instruction);

        long elements = dims.Aggregate(1L, (product, d) => product * d);
        Folded = folds.Select(f => Use(f.Register, f.Type, $"{f.Kind} fold")).ToArray();
        Stores = stores.Select(s => new StorePlan
        {
            Value = Use(s.Register, s.Type, "store"),
            Slot = s.Slot,
            Size = ElementTypes.Size(s.Type),
            Bytes = elements * ElementTypes.Size(s.Type),
        }).ToList();
        InsertLoads(overread);
        FindLaterLoads(overread);
        PlaceValues();
        Constants = GC.AllocateArray<byte>(_constants.Count + 64, pinned: true);
        _constants.CopyTo(Constants);
    }

    public List<Value> Values { get; } = [];

    public List<Step> Steps { get; private set; } = [];

    public List<StorePlan> Stores { get; }

    /// <summary>The values that are folded.</summary>
    public int[] Folded { get; }

    public byte[] Constants { get; }

    public long ScratchBytes => _scratch;

    private int Add(Value value)
    {
        value.Size = ElementTypes.Size(value.Type);
        Values.Add(value);
        return Values.Count - 1;
    }

    private void Define(int register, int value)
    {
        if (register < 0)
            throw new ArgumentException($"register {register} is negative");
        _current[register] = value;
    }

    private int Use(int register, ElementType type, string by)
    {
        if (!_current.TryGetValue(register, out int value))
            throw new ArgumentException($"{by}: register {register} has no value");
        if (Values[value].Type != type)
            throw new ArgumentException($"{by}: register {register} holds {Values[value].Type}, not {type}");
        return value;
    }

    private unsafe int NewConstant(ElementType type, long bits)
    {
        // One element, spread over a whole vector, so that kernels load it like anything else.
        int size = ElementTypes.Size(type);
        long home = _constants.Count;
        for (int i = 0; i < 64; i++)
            _constants.Add(((byte*)&bits)[i % size]);
        return Add(new Value { Kind = ValueKind.Constant, Type = type, Home = home });
    }

    private int NewLoad(TileLoad load)
    {
        if (load.Strides.Length != _dims.Length)
            throw new ArgumentException($"register {load.Register}: {load.Strides.Length} strides for {_dims.Length} dimensions");
        LoadPlan plan = new(_dims, load.Strides, ElementTypes.Size(load.Type));
        return Add(new Value { Kind = plan.Kind, Type = load.Type, Slot = load.Slot, Offset = load.Offset, Load = plan });
    }

    private void AddStep(in TileInstruction code)
    {
        string name = code.Op.ToString();
        int a = Use(code.A, code.Op == TileOp.Select ? ElementType.Bool : code.Type, name);
        int b = Arity(code.Op) >= 2 ? Use(code.B, code.Type, name) : a;
        int c = Arity(code.Op) >= 3 ? Use(code.C, code.Type, name) : a;
        if (code.Op == TileOp.Cast && code.Result == ElementType.Bool && code.Type != ElementType.Bool)
            b = NewConstant(code.Type, 0); // to Bool: a ≠ 0
        int target = Add(new Value { Kind = ValueKind.Computed, Type = code.Result });
        Steps.Add(new Step { Kernel = KernelTable.Find(code), Target = target, A = a, B = b, C = c });
        Define(code.Target, target);
    }

    private static int Arity(TileOp op) => op switch
    {
        TileOp.Select => 3,
        (>= TileOp.Add and <= TileOp.GreaterEqual) or TileOp.And or TileOp.Or => 2,
        _ => 1,
    };

    /// <summary>Puts each load right before its first use, so that gathered elements are still in the nearest cache.</summary>
    private void InsertLoads(int overread)
    {
        List<Step> steps = [];
        HashSet<int> loaded = [];
        void Load(int value)
        {
            if (Values[value].Kind is ValueKind.Load or ValueKind.Pattern && loaded.Add(value))
                steps.Add(new Step { Target = value, Overread = Folded.Contains(value) ? overread : 0 });
        }

        foreach (Step step in Steps)
        {
            Load(step.A);
            Load(step.B);
            Load(step.C);
            steps.Add(step);
        }

        foreach (StorePlan store in Stores)
            Load(store.Value);
        foreach (int folded in Folded)
            Load(folded);
        Steps = steps;
    }

    private void FindLaterLoads(int overread)
    {
        HashSet<int> taken = [];
        for (int i = 0; i < Stores.Count; i++)
        {
            StorePlan store = Stores[i];
            int made = Steps.FindIndex(s => s.Kernel != 0 && s.Target == store.Value);
            if (made < 0 || (overread > 0 && Folded.Contains(store.Value)) || !taken.Add(store.Value))
                continue; // folds may read behind a tile, which only scratch memory allows
            store.LaterLoads = Steps.Skip(made + 1).SelectMany(s => new[] { s.A, s.B, s.C }.Append(s.Kernel == 0 ? s.Target : s.A))
                .Concat(Stores.Select(s => s.Value)).Concat(Folded)
                .Where(v => Values[v].Kind == ValueKind.Load).Distinct().ToArray();
            Stores[i] = store;
        }
    }

    /// <summary>Gives places in scratch memory; a place is free again after its value's last use.</summary>
    private void PlaceValues()
    {
        int[] lastUse = new int[Values.Count];
        for (int i = 0; i < Steps.Count; i++)
        {
            Step step = Steps[i];
            lastUse[step.Target] = Math.Max(lastUse[step.Target], i);
            if (step.Kernel != 0)
                lastUse[step.A] = lastUse[step.B] = lastUse[step.C] = i;
        }

        foreach (int value in Stores.Select(s => s.Value).Concat(Folded))
            lastUse[value] = int.MaxValue;
        for (int v = 0; v < Values.Count; v++)
        {
            if (Values[v].Kind is ValueKind.Scalar or ValueKind.Splat)
                SetHome(v, Take(64));
            else if (Values[v].Kind == ValueKind.Pattern)
                SetHome(v, Take(Values[v].Load!.PatternBytes));
        }

        for (int i = 0; i < Steps.Count; i++)
        {
            Step step = Steps[i];
            if (step.Kernel != 0)
            {
                // A result that dies here gives its place to the target: kernels read each element before they write it.
                // A load may not, because one element in its place may stand for all.
                Release(step, i, lastUse, ValueKind.Computed);
            }

            if (Values[step.Target].Kind is ValueKind.Computed or ValueKind.Load)
            {
                int size = Values[step.Target].Size;
                SetHome(step.Target, Homes(size).TryPop(out long home) ? home : Take(TileProgram.TileSize * size));
                if (lastUse[step.Target] == i)
                    Homes(size).Push(Values[step.Target].Home); // a result that nobody uses
            }

            if (step.Kernel != 0)
                Release(step, i, lastUse, ValueKind.Load);
        }

        foreach (int v in Folded.Distinct())
        {
            Value value = Values[v];
            value.Spread = Take(TileProgram.TileSize * value.Size);
            Values[v] = value;
        }
    }

    private void Release(Step step, int index, int[] lastUse, ValueKind kind)
    {
        foreach (int v in new[] { step.A, step.B, step.C }.Distinct())
        {
            if (lastUse[v] == index && Values[v].Kind == kind)
                Homes(Values[v].Size).Push(Values[v].Home);
        }
    }

    private Stack<long> Homes(int size)
    {
        if (!_freeHomes.TryGetValue(size, out Stack<long>? homes))
            _freeHomes[size] = homes = new Stack<long>();
        return homes;
    }

    private long Take(long bytes)
    {
        long home = _scratch;
        _scratch += TileProgram.Align(bytes + TileProgram.Padding);
        return home;
    }

    private void SetHome(int index, long home)
    {
        Value value = Values[index];
        value.Home = home;
        Values[index] = value;
    }
}
