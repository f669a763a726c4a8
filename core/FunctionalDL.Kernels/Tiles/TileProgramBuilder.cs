namespace FunctionalDL.Kernels.Tiles;

/// <summary>Checks the parts of a tile loop and prepares them for <see cref="TileProgram"/>.</summary>
internal sealed class TileProgramBuilder
{
    private readonly int[] _dims;
    private readonly int _overread; // elements behind a tile that folds may read
    private readonly Dictionary<int, int> _current = []; // register → value
    private readonly List<byte> _constants = [];
    private readonly Stack<long>[] _freePlaces = [new(), new(), new()]; // of elements of 1, 4 and 8 bytes

    public TileProgramBuilder(
        int[] dims, TileConstant[] constants, TileScalar[] scalars, TileLoad[] loads, TileInstruction[] code,
        TileStore[] stores, TileFold[] folds, int overread)
    {
        _dims = dims;
        _overread = overread;
        foreach (TileConstant constant in constants)
            Define(constant.Register, NewConstant(constant.Type, constant.Bits));
        foreach (TileScalar scalar in scalars)
        {
            Value value = new(ValueKind.Scalar, scalar.Type) { Slot = scalar.Slot, Offset = scalar.Offset };
            Define(scalar.Register, Add(value));
        }

        foreach (TileLoad load in loads)
            Define(load.Register, NewLoad(load));
        foreach (TileInstruction instruction in code)
            AddInstruction(instruction);
        foreach (TileFold fold in folds)
            Folded.Add(Use(fold.Register, fold.Type, fold.Kind.ToString()));
        AddStores(stores);

        InsertLoads();
        FindLaterLoads();
        FindLastUses();
        PlaceValues();
        Constants = GC.AllocateArray<byte>(_constants.Count + 64, pinned: true);
        _constants.CopyTo(Constants);
    }

    /// <summary>
    /// The elements of a tile: if an operand has one element for each long row, as many as divide a row, so
    /// that the element need not be written out.
    /// </summary>
    public int TileElements
    {
        get
        {
            long run = 1;
            foreach (Value value in Values)
                run = Math.Max(run, value.Load?.RunLength ?? 1);
            long parts = (run + TileProgram.TileSize - 1) / TileProgram.TileSize;
            bool fits = run > TileProgram.TileSize / 2 && run % parts == 0;
            return fits ? (int)(run / parts) : TileProgram.TileSize;
        }
    }

    public List<Value> Values { get; } = [];

    public List<Step> Steps { get; private set; } = [];

    public List<StorePlan> Stores { get; } = [];

    /// <summary>The numbers of the values that are folded.</summary>
    public List<int> Folded { get; } = [];

    /// <summary>The constants, each repeated over 64 bytes; pinned.</summary>
    public byte[] Constants { get; }

    public long ScratchBytes { get; private set; }

    private int Add(Value value)
    {
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
        Value value = new(ValueKind.Constant, type) { Home = _constants.Count };
        for (int i = 0; i < 64; i++)
            _constants.Add(((byte*)&bits)[i % value.Size]);
        return Add(value);
    }

    private int NewLoad(TileLoad load)
    {
        if (load.Strides.Length != _dims.Length)
        {
            throw new ArgumentException(
                $"register {load.Register}: {load.Strides.Length} strides, {_dims.Length} dimensions");
        }

        LoadPlan plan = new(_dims, load.Strides, ElementTypes.Size(load.Type));
        return Add(new Value(plan.Kind, load.Type) { Slot = load.Slot, Offset = load.Offset, Load = plan });
    }

    private void AddInstruction(in TileInstruction code)
    {
        string name = code.Op.Name;
        int a = Use(code.A, code.Op.FirstType(code.Type), name);
        int b = code.Op.Operands >= 2 ? Use(code.B, code.Type, name) : a;
        int c = code.Op.Operands >= 3 ? Use(code.C, code.Type, name) : a;
        if (code.Op == TileOp.Cast && code.Result == ElementType.Bool && code.Type != ElementType.Bool)
            b = NewConstant(code.Type, 0); // to Bool: a ≠ 0
        int target = Add(new Value(ValueKind.Computed, code.Result));
        nint kernel = code.Op.Kernel(code.Type, code.Result);
        if (kernel == 0)
            throw new ArgumentException($"no kernel for {name} of {code.Type} giving {code.Result}");
        Steps.Add(new Step(kernel, target, a, b, c));
        Define(code.Target, target);
    }

    private void AddStores(TileStore[] stores)
    {
        long elements = 1;
        foreach (int d in _dims)
            elements *= d;
        foreach (TileStore store in stores)
        {
            int value = Use(store.Register, store.Type, "store");
            Stores.Add(new StorePlan(value, store.Slot, ElementTypes.Size(store.Type), elements, store.IsNear));
        }
    }

    /// <summary>
    /// Puts each load right before its first use, so that gathered elements are still in the nearest cache.
    /// </summary>
    private void InsertLoads()
    {
        List<Step> code = Steps;
        bool[] loaded = new bool[Values.Count];
        Steps = [];
        foreach (Step step in code)
        {
            Load(step.A);
            Load(step.B);
            Load(step.C);
            Steps.Add(step);
        }

        foreach (StorePlan store in Stores)
            Load(store.Value);
        foreach (int folded in Folded)
            Load(folded);

        void Load(int value)
        {
            if (loaded[value] || Values[value].Kind is not (ValueKind.Load or ValueKind.Pattern))
                return;
            loaded[value] = true;
            int overread = Folded.Contains(value) ? _overread : 0;
            Steps.Add(new Step(0, value, value, value, value) { Overread = overread });
        }
    }

    private void FindLaterLoads()
    {
        bool[] taken = new bool[Values.Count];
        Value[] loads = [.. Values.Where(value => value.Load is not null)];
        foreach (StorePlan store in Stores)
        {
            store.Loads = loads;
            // Folds may read behind a tile, which only scratch memory allows.
            bool scratchOnly = _overread > 0 && Folded.Contains(store.Value);
            if (Values[store.Value].Kind != ValueKind.Computed || taken[store.Value] || scratchOnly)
                continue;
            taken[store.Value] = true;

            HashSet<Value> later = [];
            int made = 0;
            while (Steps[made].Target != store.Value)
                made++;
            for (int i = made + 1; i < Steps.Count; i++)
                later.UnionWith([Values[Steps[i].A], Values[Steps[i].B], Values[Steps[i].C]]);
            foreach (StorePlan other in Stores)
                later.Add(Values[other.Value]);
            foreach (int folded in Folded)
                later.Add(Values[folded]);
            later.RemoveWhere(v => v.Kind != ValueKind.Load);
            store.LaterLoads = [.. later];
        }
    }

    private void FindLastUses()
    {
        for (int i = 0; i < Steps.Count; i++)
        {
            Step step = Steps[i];
            Values[step.A].LastUse = Values[step.B].LastUse = Values[step.C].LastUse = i;
            Values[step.Target].LastUse = Math.Max(Values[step.Target].LastUse, i);
        }

        foreach (StorePlan store in Stores)
            Values[store.Value].LastUse = Steps.Count;
        foreach (int folded in Folded)
            Values[folded].LastUse = Steps.Count;
    }

    /// <summary>Gives places in scratch memory; a place is free again after its value's last use.</summary>
    private void PlaceValues()
    {
        foreach (Value value in Values)
        {
            if (value.Kind is ValueKind.Scalar or ValueKind.Splat)
                value.Home = Reserve(64);
            else if (value.Kind == ValueKind.Pattern)
                value.Home = Reserve(value.Load!.PatternBytes);
        }

        for (int i = 0; i < Steps.Count; i++)
        {
            Step step = Steps[i];
            Value target = Values[step.Target];

            // A result that dies here gives its place to the target: kernels read each element before they
            // write it. A load may not, because one element in its place may stand for all.
            Release(step, i, ValueKind.Computed);
            if (target.Kind is ValueKind.Computed or ValueKind.Load)
            {
                Stack<long> places = Places(target.Size);
                target.Home = places.Count > 0 ? places.Pop() : Reserve(TileProgram.TileSize * target.Size);
                if (target.Kind == ValueKind.Computed && target.LastUse == i)
                    places.Push(target.Home); // a result that nobody uses
            }

            Release(step, i, ValueKind.Load);
        }

        foreach (int folded in Folded)
            Values[folded].Spread = Reserve(TileProgram.TileSize * Values[folded].Size);
    }

    /// <summary>Frees the places of a step's operands of one kind that are not used again.</summary>
    private void Release(Step step, int index, ValueKind kind)
    {
        if (step.Kernel == 0)
            return;
        Release(step.A);
        if (step.B != step.A)
            Release(step.B);
        if (step.C != step.A && step.C != step.B)
            Release(step.C);

        void Release(int operand)
        {
            Value value = Values[operand];
            if (value.LastUse == index && value.Kind == kind)
                Places(value.Size).Push(value.Home);
        }
    }

    private Stack<long> Places(int size) => _freePlaces[size switch { 1 => 0, 4 => 1, _ => 2 }];

    private long Reserve(long bytes)
    {
        long place = ScratchBytes;
        ScratchBytes += TileProgram.Align(bytes + TileProgram.Padding);
        return place;
    }
}
