//! The host's side of `wasi:filesystem`: rules and accounts first, then wasmtime-wasi.

use std::sync::Arc;

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::{
    filesystem::{Descriptor, WasiFilesystemCtxView},
    p2::{
        DynInputStream, DynOutputStream, FsError, FsResult,
        bindings::filesystem::{
            preopens,
            types::{
                self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
                DirectoryEntryStream, ErrorCode, Filesize, HostDescriptor,
                HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
            },
        },
    },
};

use super::{
    Files, FilesView, Opened,
    access::Deed,
    counted::{NAME_BYTES, growth, length},
    directories::{past, turn_for_name},
    listing::Listing,
    streams::{Growing, Input, Output},
};
use crate::plugin::{ledger::Charge, limits::READ_BYTES_MAX};

pub(in crate::plugin) struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = FilesView<'a>;
}

type Handle = Resource<Descriptor>;

impl FilesView<'_> {
    fn wasi(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView { ctx: &mut self.files.context, table: self.table }
    }

    fn charge_of(&self, descriptor: &Handle) -> Option<Arc<Charge>> {
        self.files.open.get(&descriptor.rep())?.charge.clone()
    }

    /// What a stream of a file needs for its growth to be counted.
    fn growing(&self, descriptor: &Handle, at: Option<u64>) -> FsResult<Option<Growing>> {
        let Some(written) = self.files.written.clone() else { return Ok(None) };
        Ok(Some(Growing { written, file: self.file(descriptor)?, at }))
    }

    fn output(
        &mut self,
        stream: Resource<DynOutputStream>,
        charge: Option<Arc<Charge>>,
        growing: Option<Growing>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.table.delete(stream)?;
        let stream: DynOutputStream = Box::new(Output::new(stream, charge, growing));
        Ok(self.table.push(stream)?)
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Handle, String)>> {
        let Files { roots, open, .. } = &mut *self.files;
        let mut handles = Vec::with_capacity(roots.len());
        for root in roots {
            let handle = self.table.push(Descriptor::Dir(root.directory.clone()))?;
            open.insert(handle.rep(), Opened { rules: root.rules.clone(), charge: None });
            handles.push((handle, root.guest_path.clone()));
        }
        Ok(handles)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.wasi().convert_error_code(error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.wasi().filesystem_error_code(error)
    }
}

impl HostDescriptor for FilesView<'_> {
    async fn advise(
        &mut self,
        fd: Handle,
        offset: Filesize,
        length: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        self.wasi().advise(fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Handle) -> FsResult<()> {
        self.wasi().sync_data(fd).await
    }

    async fn get_flags(&mut self, fd: Handle) -> FsResult<DescriptorFlags> {
        self.wasi().get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Handle) -> FsResult<DescriptorType> {
        self.wasi().get_type(fd).await
    }

    async fn set_size(&mut self, fd: Handle, size: Filesize) -> FsResult<()> {
        let Some(written) = self.files.written.clone() else {
            return self.wasi().set_size(fd, size).await;
        };
        let file = self.file(&fd)?;
        let turn = written.turn().await;
        let before = length(&file)?;
        turn.check(size.saturating_sub(before)).map_err(past)?;
        let resized = self.wasi().set_size(fd, size).await;
        turn.settle(before, length(&file)?);
        resized
    }

    async fn set_times(
        &mut self,
        fd: Handle,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.wasi().set_times(fd, accessed, modified).await
    }

    async fn read(
        &mut self,
        fd: Handle,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        self.wasi().read(fd, length.min(READ_BYTES_MAX as Filesize), offset).await
    }

    async fn write(&mut self, fd: Handle, bytes: Vec<u8>, at: Filesize) -> FsResult<Filesize> {
        let Some(written) = self.files.written.clone() else {
            return self.wasi().write(fd, bytes, at).await;
        };
        let file = self.file(&fd)?;
        let turn = written.turn().await;
        let before = length(&file)?;
        turn.check(growth(&file, at, bytes.len())?).map_err(past)?;
        let wrote = self.wasi().write(fd, bytes, at).await;
        turn.settle(before, length(&file)?);
        wrote
    }

    async fn read_directory(&mut self, fd: Handle) -> FsResult<Resource<DirectoryEntryStream>> {
        let (directory, _, rules) = self.directory(&fd)?;
        let charge = self.files.charge().map_err(|_| ErrorCode::Quota)?;
        let listing = self.table.push(Listing::new(&directory, rules, charge)?)?;
        Ok(Resource::new_own(listing.rep()))
    }

    async fn sync(&mut self, fd: Handle) -> FsResult<()> {
        self.wasi().sync(fd).await
    }

    async fn create_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        self.check(&fd, &path, Deed::Change)?;
        let written = self.files.written.clone();
        let turn = turn_for_name(written.as_ref()).await?;
        self.wasi().create_directory_at(fd, path).await?;
        if let Some(turn) = turn {
            turn.settle(0, NAME_BYTES);
        }
        Ok(())
    }

    async fn stat(&mut self, fd: Handle) -> FsResult<DescriptorStat> {
        self.wasi().stat(fd).await
    }

    async fn stat_at(
        &mut self,
        fd: Handle,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        self.check(&fd, &path, Deed::Use)?;
        let flags = self.follow(&fd, flags);
        self.wasi().stat_at(fd, flags, path).await
    }

    async fn set_times_at(
        &mut self,
        fd: Handle,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.check(&fd, &path, Deed::Use)?;
        let flags = self.follow(&fd, flags);
        self.wasi().set_times_at(fd, flags, path, accessed, modified).await
    }

    async fn link_at(
        &mut self,
        old: Handle,
        flags: PathFlags,
        old_path: String,
        new: Handle,
        new_path: String,
    ) -> FsResult<()> {
        self.check(&old, &old_path, Deed::Link)?;
        self.check(&new, &new_path, Deed::Link)?;
        let written = self.files.written.clone();
        let turn = turn_for_name(written.as_ref()).await?;
        self.wasi().link_at(old, flags, old_path, new, new_path).await?;
        if let Some(turn) = turn {
            turn.settle(0, NAME_BYTES);
        }
        Ok(())
    }

    async fn open_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Handle> {
        self.open(fd, path_flags, path, open_flags, flags).await
    }

    async fn readlink_at(&mut self, fd: Handle, path: String) -> FsResult<String> {
        self.check(&fd, &path, Deed::Use)?;
        self.wasi().readlink_at(fd, path).await
    }

    async fn remove_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        self.check(&fd, &path, Deed::Change)?;
        self.wasi().remove_directory_at(fd, path).await
    }

    async fn rename_at(
        &mut self,
        old: Handle,
        old_path: String,
        new: Handle,
        new_path: String,
    ) -> FsResult<()> {
        self.check(&old, &old_path, Deed::Change)?;
        self.check(&new, &new_path, Deed::Change)?;
        self.wasi().rename_at(old, old_path, new, new_path).await
    }

    async fn symlink_at(&mut self, _: Handle, _: String, _: String) -> FsResult<()> {
        self.files.refused("it may not make symbolic links");
        Err(ErrorCode::NotPermitted.into())
    }

    async fn unlink_file_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        self.check(&fd, &path, Deed::Change)?;
        self.wasi().unlink_file_at(fd, path).await
    }

    fn read_via_stream(
        &mut self,
        fd: Handle,
        offset: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        let charge = self.charge_of(&fd);
        let stream = self.wasi().read_via_stream(fd, offset)?;
        let stream: DynInputStream = Box::new(Input::new(self.table.delete(stream)?, charge));
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Handle,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let (charge, growing) = (self.charge_of(&fd), self.growing(&fd, Some(offset))?);
        let stream = self.wasi().write_via_stream(fd, offset)?;
        self.output(stream, charge, growing)
    }

    fn append_via_stream(&mut self, fd: Handle) -> FsResult<Resource<DynOutputStream>> {
        let (charge, growing) = (self.charge_of(&fd), self.growing(&fd, None)?);
        let stream = self.wasi().append_via_stream(fd)?;
        self.output(stream, charge, growing)
    }

    async fn is_same_object(&mut self, one: Handle, other: Handle) -> wasmtime::Result<bool> {
        self.wasi().is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, fd: Handle) -> FsResult<MetadataHashValue> {
        self.wasi().metadata_hash(fd).await
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Handle,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        self.check(&fd, &path, Deed::Use)?;
        let flags = self.follow(&fd, flags);
        self.wasi().metadata_hash_at(fd, flags, path).await
    }

    fn drop(&mut self, fd: Handle) -> wasmtime::Result<()> {
        self.files.open.remove(&fd.rep());
        HostDescriptor::drop(&mut self.wasi(), fd)
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        // Every such handle of a guest's is one of ours: nothing else makes any.
        let listing = self.table.get_mut(&Resource::<Listing>::new_borrow(stream.rep()))?;
        Ok(listing.next()?)
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
